"""``idp resource``: APIs that accept our access tokens (RFC 8707), with their scopes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..domain.scope import Resource, Scope
from .arguments import Group, pair
from .output import Answer, details, moment, table
from .runtime import opened

if TYPE_CHECKING:
    from .arguments import Commands

_COLUMNS = ("identifier", "name", "client_id", "scopes")


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add ``idp resource …``."""
    group = Group(commands, common, "resource", "APIs that accept our access tokens")
    create = group.verb("create", _create, "add an API with its scopes")
    create.add_argument("identifier", help="its RFC 8707 URI, e.g. https://api.example.com/")
    create.add_argument("--name", required=True, help="what people know it as")
    create.add_argument("--scope", type=pair, action="append", default=[], metavar="NAME=SENTENCE",
                        help="a scope with the sentence people read about it; repeat for more")  # fmt: skip
    create.add_argument("--client-id", help="the client that is its resource server and may introspect")
    group.verb("list", _list, "list APIs with their scopes")
    delete = group.verb("delete", _delete, "remove an API and its scopes")
    delete.add_argument("identifier")


def row(resource: Resource, scopes: Sequence[Scope]) -> dict[str, object]:
    """What is shown of a resource."""
    return {
        "identifier": resource.identifier,
        "name": resource.name,
        "client_id": resource.client_id,
        "scopes": {scope.name: scope.sentence for scope in scopes},
        "created_at": moment(resource.created_at),
    }


def _create(arguments: argparse.Namespace) -> Answer:
    scopes = dict(arguments.scope)
    with opened() as idp, idp.services.work():
        resource = idp.services.resources.create(arguments.identifier, arguments.name, scopes, arguments.client_id)
    made = [Scope(name=name, resource=resource.identifier, sentence=sentence) for name, sentence in scopes.items()]
    shown = row(resource, made)
    return Answer(shown, details(shown))


def _list(_arguments: argparse.Namespace) -> Answer:
    with opened() as idp:
        rows = [row(resource, scopes) for resource, scopes in idp.services.resources.list()]
    people = [{**shown, "scopes": list(shown["scopes"])} for shown in rows]  # type: ignore[call-overload]
    return Answer(rows, table(people, _COLUMNS))


def _delete(arguments: argparse.Namespace) -> Answer:
    with opened() as idp, idp.services.work():
        idp.services.resources.delete(arguments.identifier)
    return Answer({"identifier": arguments.identifier, "done": "delete"}, f"Deleted {arguments.identifier}.")
