"""``idp detail-type``: what apps may ask for in the words of an API (RFC 9396)."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from ..domain.authorization_details import DetailType
from .arguments import Group
from .output import Answer, details, moment, table
from .runtime import opened

if TYPE_CHECKING:
    from .arguments import Commands

_COLUMNS = ("name", "resource", "sentence")


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add ``idp detail-type …``."""
    group = Group(commands, common, "detail-type", "types of authorization details (RFC 9396)")
    create = group.verb("create", _create, "add a type of an API's")
    create.add_argument("name", help="the value of type, e.g. payment_initiation")
    create.add_argument("--resource", required=True, help="the API that understands it (idp resource)")
    create.add_argument("--sentence", required=True, help="what people read about it, e.g. 'Make this payment'")
    create.add_argument("--members", type=_json_object, default={}, metavar="JSON",
                        help='what may stand in it, e.g. {"properties": {"amount": {"type": "string"}}}')  # fmt: skip
    group.verb("list", _list, "list types")
    delete = group.verb("delete", _delete, "remove a type; no token holds anything of it from then on")
    delete.add_argument("name")


def _json_object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError("not a JSON object")
    return found


def row(kind: DetailType) -> dict[str, object]:
    """What is shown of a type."""
    return {
        "name": kind.name, "resource": kind.resource, "sentence": kind.sentence, "members": dict(kind.members),
        "created_at": moment(kind.created_at),
    }  # fmt: skip


def _create(arguments: argparse.Namespace) -> Answer:
    with opened() as idp, idp.services.work():
        made = idp.services.authorization_details.create(
            arguments.name, arguments.resource, arguments.sentence, arguments.members
        )
    shown = row(made)
    return Answer(shown, details(shown))


def _list(_arguments: argparse.Namespace) -> Answer:
    with opened() as idp:
        found = [row(kind) for kind in idp.services.authorization_details.list()]
    return Answer(found, table(found, _COLUMNS))


def _delete(arguments: argparse.Namespace) -> Answer:
    with opened() as idp, idp.services.work():
        idp.services.authorization_details.delete(arguments.name)
    return Answer({"name": arguments.name, "done": "delete"}, f"Deleted {arguments.name}.")
