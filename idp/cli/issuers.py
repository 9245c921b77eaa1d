"""``idp issuer``: issuers whose signed word for who a person is we take (RFC 7523 section 2.1)."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..domain.trusted_issuer import SubjectKind, TrustedIssuer
from .arguments import Group
from .output import Answer, details, moment, table
from .runtime import opened

if TYPE_CHECKING:
    from .arguments import Commands

_COLUMNS = ("issuer", "subject", "clients", "scope")


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add ``idp issuer …``."""
    group = Group(commands, common, "issuer", "issuers whose assertions are trusted (JWT bearer grant)")
    create = group.verb("create", _create, "trust an issuer's assertions about people")
    create.add_argument("issuer", help="its iss, to the letter")
    keys = create.add_mutually_exclusive_group(required=True)
    keys.add_argument("--jwks-uri", metavar="URI", help="where its public keys are")
    keys.add_argument("--jwks", type=_key_file, metavar="FILE", help="a file with its JWK Set")
    create.add_argument("--client", dest="clients", action="append", required=True, metavar="CLIENT_ID",
                        help="who may present its assertions; repeat for more")  # fmt: skip
    create.add_argument("--scope", required=True, help="scopes of your APIs that they are good for")
    create.add_argument("--subject", choices=list(SubjectKind), default=SubjectKind.EMAIL,
                        help="what sub names: a confirmed address here, or our own id of the person")  # fmt: skip
    group.verb("list", _list, "list trusted issuers")
    delete = group.verb("delete", _delete, "trust it no more")
    delete.add_argument("issuer")


def _key_file(name: str) -> Mapping[str, object]:
    try:
        found = json.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError(f"{name!r} is no file with a JWK Set")
    return found


def row(issuer: TrustedIssuer) -> dict[str, object]:
    """What is shown of an issuer."""
    return {
        "issuer": issuer.issuer, "subject": issuer.subject, "clients": list(issuer.clients),
        "scope": " ".join(issuer.scope), "jwks_uri": issuer.jwks_uri, "jwks": issuer.jwks,
        "created_at": moment(issuer.created_at),
    }  # fmt: skip


def _create(arguments: argparse.Namespace) -> Answer:
    with opened() as idp, idp.services.work():
        made = idp.services.trusted_issuers.create(
            arguments.issuer, jwks=arguments.jwks, jwks_uri=arguments.jwks_uri, clients=arguments.clients,
            scope=arguments.scope.split(), subject=SubjectKind(arguments.subject),
        )  # fmt: skip
    return Answer(row(made), details(row(made)))


def _list(_arguments: argparse.Namespace) -> Answer:
    with opened() as idp:
        rows = [row(issuer) for issuer in idp.services.trusted_issuers.list()]
    return Answer(rows, table(rows, _COLUMNS))


def _delete(arguments: argparse.Namespace) -> Answer:
    with opened() as idp, idp.services.work():
        idp.services.trusted_issuers.delete(arguments.issuer)
    return Answer({"issuer": arguments.issuer, "done": "delete"}, f"Deleted {arguments.issuer}.")
