"""``idp initial-access-token``: leave to register clients (RFC 7591 section 3), where registration asks for it."""

from __future__ import annotations

import argparse
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from ..domain.initial_access_token import InitialAccessToken
from .arguments import Group
from .output import Answer, details, moment, table
from .runtime import opened

if TYPE_CHECKING:
    from .arguments import Commands

_COLUMNS = ("id", "label", "used", "quota", "expires_at", "state")
_ONCE = "Shown this once; whoever has it may register clients with IDP_CLIENT_REGISTRATION=token."


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add ``idp initial-access-token …``."""
    group = Group(commands, common, "initial-access-token", "leave for others to register clients")
    create = group.verb("create", _create, "make one; the token is shown once")
    create.add_argument("label", help="whom it is for")
    create.add_argument("--quota", type=int, metavar="N", help="how many clients it registers; any number without")
    create.add_argument("--days", type=int, default=30, metavar="N", help="how long it may be used (default 30)")
    group.verb("list", _list, "list them with what is left")
    revoke = group.verb("revoke", _revoke, "accept it no more; what it has registered stays")
    revoke.add_argument("id", type=UUID)


def row(token: InitialAccessToken, state: str) -> dict[str, object]:
    """What is shown of one; never its hash."""
    return {
        "id": str(token.id),
        "label": token.label,
        "state": state,
        "quota": token.quota,
        "used": token.used,
        "created_at": moment(token.created_at),
        "expires_at": moment(token.expires_at),
    }


def _create(arguments: argparse.Namespace) -> Answer:
    life = timedelta(days=max(0, min(arguments.days, 10_000)))
    with opened() as idp, idp.services.work():
        made, token = idp.services.initial_access.make(arguments.label, arguments.quota, life)
    shown = {**row(made, "valid"), "initial_access_token": token}
    return Answer(shown, f"{details(shown)}\n{_ONCE}")


def _list(_arguments: argparse.Namespace) -> Answer:
    with opened() as idp:
        now = idp.services.clock.now()
        rows = [row(token, "valid" if token.valid(now) else "over") for token in idp.services.initial_access.list()]
    return Answer(rows, table(rows, _COLUMNS))


def _revoke(arguments: argparse.Namespace) -> Answer:
    with opened() as idp, idp.services.work():
        idp.services.initial_access.revoke(arguments.id)
    return Answer({"id": str(arguments.id), "done": "revoke"}, f"Revoked {arguments.id}.")
