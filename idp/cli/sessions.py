"""``idp session``: what people are signed in to, and its end."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from ..domain.session import Ended, EndReason, EndTarget, OneClientSession, Session, ThisSession, WholeUser
from ..errors import NotFound
from .arguments import Group
from .output import Answer, moment, table
from .runtime import OPERATOR, Runtime, opened, settled

if TYPE_CHECKING:
    from .arguments import Commands

_COLUMNS = ("id", "state", "created_at", "last_seen_at", "address", "user_agent")


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add ``idp session …``."""
    group = Group(commands, common, "session", "sessions of people")
    listing = group.verb("list", _list, "list the sessions of one person")
    listing.add_argument("email")
    end = group.verb("end", _end, "end one session, one app's part of it, or everything of one person")
    target = end.add_mutually_exclusive_group(required=True)
    target.add_argument("session_id", nargs="?", type=UUID, help="an id that `idp session list` shows")
    target.add_argument("--sid", type=UUID, help="the 'sid' of a token: what one app holds")
    target.add_argument("--user", metavar="EMAIL", help="everything of this person, on every device")


def row(session: Session, now: datetime) -> dict[str, object]:
    """What is shown of a session; never the hash of its cookie."""
    state = "ended" if session.ended_at else "live" if session.live(now) else "expired"
    return {
        "id": str(session.id),
        "state": state,
        "device_id": str(session.device_id),
        "amr": list(session.amr),
        "created_at": moment(session.created_at),
        "last_seen_at": moment(session.last_seen_at),
        "expires_at": moment(session.expires_at),
        "address": session.address,
        "user_agent": session.user_agent,
        "ended_at": moment(session.ended_at),
        "end_reason": session.end_reason,
        "ended_by": session.ended_by,
    }


def _list(arguments: argparse.Namespace) -> Answer:
    with opened() as idp:
        user = idp.services.accounts.find(arguments.email)
        now = idp.stores.clock.now()
        rows = [row(session, now) for session in idp.services.sessions.list_of_user(user.id)]
    return Answer(rows, table(rows, _COLUMNS))


def _end(arguments: argparse.Namespace) -> Answer:
    with opened() as idp, settled(idp):
        ended = idp.services.sessions.end_session(_target(idp, arguments), EndReason.ADMINISTRATOR, by=OPERATOR)
    return Answer(_shown(ended), _sentence(ended))


def _target(idp: Runtime, arguments: argparse.Namespace) -> EndTarget:
    """What to end. Raises NotFound for what never existed; ending the same twice is no error."""
    if arguments.user:
        return WholeUser(idp.services.accounts.find(arguments.user).id)
    if arguments.sid:
        if idp.stores.client_sessions.get(arguments.sid) is None:
            raise NotFound(f"sid {arguments.sid}")
        return OneClientSession(arguments.sid)
    if idp.stores.sessions.get(arguments.session_id) is None:
        raise NotFound(f"session {arguments.session_id}")
    return ThisSession(arguments.session_id)


def _shown(ended: Ended) -> dict[str, list[str]]:
    return {
        "sessions": [str(session.id) for session in ended.sessions],
        "client_sessions": [str(client_session.id) for client_session in ended.client_sessions],
    }


def _sentence(ended: Ended) -> str:
    if ended.nothing:
        return "Nothing was open there."
    return f"Ended: sessions {len(ended.sessions)}, of apps {len(ended.client_sessions)}."
