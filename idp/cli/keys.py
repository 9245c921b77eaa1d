"""``idp key``: signing keys, and fresh master keys."""

from __future__ import annotations

import argparse
import base64
import os
from typing import TYPE_CHECKING

from ..domain.key import SIGNING_ALGS, SigningKey
from ..domain.master_key import KEY_BYTES
from .arguments import Group
from .output import Answer, moment, table
from .runtime import opened

if TYPE_CHECKING:
    from .arguments import Commands

_COLUMNS = ("kid", "alg", "state", "created_at", "activated_at", "retired_at", "remove_at")


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add ``idp key …``."""
    group = Group(commands, common, "key", "signing keys and master keys")
    group.verb("list", _list, "list signing keys")
    rotate = group.verb("rotate", _rotate, "sign with the announced key from now on, and announce a new one")
    rotate.add_argument("--alg", choices=SIGNING_ALGS, help="only the keys of this algorithm")
    rotate.add_argument("--force", action="store_true", help="even if caches may not have seen the announced key yet")
    remove = group.verb("remove", _remove, "take a key away that others have got hold of; what it signed is refused")
    remove.add_argument("kid", help="its name, as ``idp key list`` shows it")
    group.verb("master", _master, "print a fresh master key for IDP_MASTER_KEY")


def row(key: SigningKey) -> dict[str, object]:
    """What is shown of a key; never its private half, sealed or not."""
    return {
        "kid": key.kid,
        "alg": key.alg,
        "state": key.state,
        "created_at": moment(key.created_at),
        "activated_at": moment(key.activated_at),
        "retired_at": moment(key.retired_at),
        "remove_at": moment(key.remove_at),
    }


def _list(_arguments: argparse.Namespace) -> Answer:
    with opened() as idp:
        rows = [row(key) for key in idp.services.keys.list()]
    return Answer(rows, table(rows, _COLUMNS))


def _rotate(arguments: argparse.Namespace) -> Answer:
    with opened() as idp, idp.services.work():
        keys, force = idp.services.keys, arguments.force
        rotated = [keys.rotate(arguments.alg, force=force)] if arguments.alg else keys.rotate_all(force=force)
    lines = [f"Signing {key.alg} with {key.kid} now; the key before it stays published." for key in rotated]
    return Answer([row(key) for key in rotated], "\n".join(lines))


def _remove(arguments: argparse.Namespace) -> Answer:
    with opened() as idp, idp.services.work():
        idp.services.keys.remove(arguments.kid)
    text = (
        f"{arguments.kid} is gone; what it signed is refused here within two seconds,\n"
        "and by APIs that verify by themselves when they read the JWKS again."
    )
    return Answer({"removed": arguments.kid}, text)


def _master(_arguments: argparse.Namespace) -> Answer:
    """Needs no settings: it is what makes them possible."""
    key = base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).rstrip(b"=").decode()
    return Answer({"master_key": key}, key)
