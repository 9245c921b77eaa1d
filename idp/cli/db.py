"""``idp db``: the tables and their migrations."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from . import database
from .arguments import Group
from .output import REFUSED, Answer
from .runtime import configured

if TYPE_CHECKING:
    from .arguments import Commands


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add ``idp db …``."""
    group = Group(commands, common, "db", "the database's tables")
    group.verb("upgrade", _upgrade, "apply every pending migration")
    group.verb("check", _check, "list pending migrations; exit code 1 if there are any")


def _upgrade(_arguments: argparse.Namespace) -> Answer:
    settings = configured()
    applied = database.pending(settings)
    database.upgrade(settings)
    return Answer({"applied": applied}, _list("Applied", applied))


def _check(_arguments: argparse.Namespace) -> Answer:
    waiting = database.pending(configured())
    return Answer({"pending": waiting}, _list("Pending", waiting), REFUSED if waiting else 0)


def _list(word: str, revisions: list[str]) -> str:
    return "\n".join(f"{word}: {revision}" for revision in revisions) or "The database is up to date."
