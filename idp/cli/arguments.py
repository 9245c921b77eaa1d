"""Shared pieces of the command line: groups of verbs, passwords, confirmation."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from ..errors import InputRefused
from .output import Answer

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # the only public way to get one is to make it
Run = Callable[[argparse.Namespace], Answer]


class Group:
    """One noun with its verbs, or one command that stands alone."""

    def __init__(self, commands: Commands, common: argparse.ArgumentParser, name: str, help_text: str) -> None:
        noun = commands.add_parser(name, help=help_text, description=help_text, allow_abbrev=False)
        self._verbs = noun.add_subparsers(dest="verb", metavar="VERB", required=True)
        self._common = common

    def verb(self, name: str, run: Run, help_text: str) -> argparse.ArgumentParser:
        """Add a verb; its arguments are added to what is returned."""
        return leaf(self._verbs, self._common, name, run, help_text)


def leaf(
    commands: Commands, common: argparse.ArgumentParser, name: str, run: Run, help_text: str
) -> argparse.ArgumentParser:
    """A command that runs ``run``."""
    made = commands.add_parser(name, help=help_text, description=help_text, parents=[common], allow_abbrev=False)
    made.set_defaults(run=run)
    return made


def add_password_option(parser: argparse.ArgumentParser) -> None:
    """``--password-stdin``; without it the password is asked for, twice."""
    parser.add_argument("--password-stdin", action="store_true", help="read the password from stdin, up to a line end")


def read_password(arguments: argparse.Namespace) -> str:
    """The password from stdin or from two equal prompts, asked for once. Raises InputRefused otherwise."""
    if "password_read" not in arguments:
        arguments.password_read = _ask(arguments)
    password: str = arguments.password_read
    return password


def _ask(arguments: argparse.Namespace) -> str:
    if arguments.password_stdin:
        return _from_stdin()
    if not sys.stdin.isatty():
        raise InputRefused({"password": "there is no terminal to ask at; use --password-stdin"})
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise InputRefused({"password": "the two are not the same"})
    return password


def _from_stdin() -> str:
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise InputRefused({"password": "stdin is empty"})
    return password


def pair(text: str) -> tuple[str, str]:
    """``name=value`` as argparse type."""
    name, sign, value = text.partition("=")
    if not (sign and name):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def json_pair(text: str) -> tuple[str, object]:
    """``name=value`` as argparse type; the value is JSON if it reads as JSON, else text."""
    name, value = pair(text)
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def moment(text: str) -> datetime:
    """An ISO 8601 time with its zone, as argparse type."""
    try:
        found: datetime | None = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time like 2026-11-22T03:15:00Z")
    return found


def port(text: str) -> int:
    """A TCP port as argparse type."""
    return _between(text, 1, 65535)


def count(text: str) -> int:
    """How many processes or threads, as argparse type."""
    return _between(text, 1, 512)


def _between(text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from {least} to {most}")
    return int(text)
