"""``idp db``: the tables and their migrations."""

from __future__ import annotations

import argparse
from time import sleep
from typing import TYPE_CHECKING

from ..errors import InputRefused
from . import database
from .arguments import Group, moment
from .output import REFUSED, Answer
from .runtime import configured, opened

if TYPE_CHECKING:
    from .arguments import Commands


_RESTORED = (
    "after a restore from a backup and before serving again: ends everything that the backup had open, as nobody "
    "knows what of it had been ended since, declares dead what was issued after it, and moves the numbers of the "
    "revocation log beyond any that has been given. People sign in again. What else was done since the backup is "
    "lost: look again for people and clients that had been disabled, consents withdrawn, passwords changed. "
    "May be repeated"
)


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add ``idp db …``."""
    group = Group(commands, common, "db", "the database's tables")
    group.verb("upgrade", _upgrade, "apply every pending migration")
    group.verb("check", _check, "list pending migrations; exit code 1 if there are any")
    restored = group.verb("restored", _restored, _RESTORED)
    restored.add_argument("--taken-at", type=moment, required=True, metavar="TIME",
                          help="when the backup was taken, or later, e.g. 2026-11-22T03:15:00Z")  # fmt: skip


def _upgrade(_arguments: argparse.Namespace) -> Answer:
    settings = configured()
    applied = database.pending(settings)
    database.upgrade(settings)
    return Answer({"applied": applied}, _list("Applied", applied))


def _check(_arguments: argparse.Namespace) -> Answer:
    waiting = database.pending(configured())
    return Answer({"pending": waiting}, _list("Pending", waiting), REFUSED if waiting else 0)


def _restored(arguments: argparse.Namespace) -> Answer:
    ended = 0
    with opened() as idp:
        if arguments.taken_at > idp.stores.clock.now():
            raise InputRefused({"taken_at": "is in the future"})
        with idp.services.work():
            clients = idp.services.restoring.begin(arguments.taken_at)
        for batch in idp.services.restoring.batches(arguments.taken_at):
            with idp.services.work():
                ended += idp.services.restoring.end(batch)
        sleep(idp.stores.tombstones.settle_seconds)  # nobody has waited for the hot copy to confirm each
    done = {"clients": clients, "ended": ended}
    return Answer(
        done, f"Ended what the backup had open: {ended}. Tokens of {clients} clients issued until now are dead."
    )


def _list(word: str, revisions: list[str]) -> str:
    return "\n".join(f"{word}: {revision}" for revision in revisions) or "The database is up to date."
