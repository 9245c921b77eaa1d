"""``idp outbox``: what must reach the outside, what has, and what could not be brought there."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING
from uuid import UUID

from ..domain.outbox import MessageKind, MessageState, OutboxMessage, Search
from ..errors import InputRefused
from .arguments import Group, count
from .output import Answer, moment, table
from .runtime import Runtime, opened

if TYPE_CHECKING:
    from .arguments import Commands

_COLUMNS = ("id", "kind", "state", "client_id", "attempts", "created_at", "due_at", "last_error")
_STATES = {state.value.replace("_", "-"): state for state in MessageState}


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add ``idp outbox …``."""
    group = Group(commands, common, "outbox", "notices and mail that are delivered")
    listing = group.verb("list", _list, "list messages, latest first")
    listing.add_argument("--state", choices=_STATES)
    listing.add_argument("--sid", type=UUID, help="about this 'sid'")
    listing.add_argument("--limit", type=count, default=50, help="how many at most (50)")
    _add_concerns(listing)
    again = group.verb("retry", _retry, "try again now: what was given up, and what waits for a later attempt")
    again.add_argument("id", nargs="?", type=UUID, help="one message")
    again.add_argument("--all", action="store_true", help="every message that was given up")
    _add_concerns(again)


def _add_concerns(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kind", choices=[kind.value for kind in MessageKind])
    parser.add_argument("--client", metavar="CLIENT_ID", help="for this client")
    parser.add_argument("--user", metavar="EMAIL", help="about this person")


def row(message: OutboxMessage) -> dict[str, object]:
    """What is shown of a message; its payload holds ids alone."""
    return {
        "id": str(message.id),
        "kind": message.kind,
        "state": message.state,
        "client_id": message.client_id,
        "user_id": message.user_id and str(message.user_id),
        "sid": message.sid and str(message.sid),
        "attempts": message.attempts,
        "created_at": moment(message.created_at),
        "due_at": moment(message.due_at),
        "claimed_until": moment(message.claimed_until),
        "delivered_at": moment(message.delivered_at),
        "gave_up_at": moment(message.gave_up_at),
        "last_error": message.last_error,
        "payload": dict(message.payload),
    }


def _list(arguments: argparse.Namespace) -> Answer:
    with opened() as idp:
        search = _search(idp, arguments, state=_STATES.get(arguments.state or ""), sid=arguments.sid)
        rows = [row(message) for message in idp.services.outbox.list(search, arguments.limit)]
    return Answer(rows, table(rows, _COLUMNS))


def _retry(arguments: argparse.Namespace) -> Answer:
    """Raises InputRefused if nothing says which."""
    with opened() as idp:
        state = MessageState.GAVE_UP if arguments.all else None
        search = _search(idp, arguments, state=state, id=arguments.id)
        if search == Search():
            raise InputRefused({"outbox": "say which: an id, --client, --user, --kind, or --all that were given up"})
        count = idp.services.outbox.retry(search)
    return Answer({"retried": count}, f"Due now: {count}.")


def _search(idp: Runtime, arguments: argparse.Namespace, **more: object) -> Search:
    user = idp.services.accounts.find(arguments.user) if arguments.user else None
    return Search(
        kind=arguments.kind, client_id=arguments.client, user_id=user and user.id, **more  # type: ignore[arg-type]
    )  # fmt: skip
