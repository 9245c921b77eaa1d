"""``idp user``: accounts of people."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..domain.profile import profile_problem
from ..domain.user import User
from ..errors import InputRefused
from .arguments import Group, add_password_option, json_pair, read_password
from .output import Answer, moment, table
from .runtime import OPERATOR, Runtime, opened, settled

if TYPE_CHECKING:
    from .arguments import Commands

_COLUMNS = ("id", "email", "name", "state", "created_at")


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add ``idp user …``."""
    group = Group(commands, common, "user", "accounts of people")
    create = group.verb("create", _create, "create an account; asks for the password")
    create.add_argument("email")
    create.add_argument("--name", help="what to call the person")
    create.add_argument("--claim", type=json_pair, action="append", default=[], metavar="NAME=VALUE",
                        help="a standard claim, e.g. locale=de; repeat for more")  # fmt: skip
    add_password_option(create)
    change = _named(group, "set", _set, "set or remove what is known of the person")
    change.add_argument("--claim", type=json_pair, action="append", required=True, metavar="NAME=VALUE",
                        help="a standard claim, e.g. phone_number=+16045551234; NAME= removes it")  # fmt: skip
    group.verb("list", _list, "list accounts")
    password = _named(group, "set-password", _set_password, "set a new password and sign the person out everywhere")
    add_password_option(password)
    _named(group, "disable", _disable, "end every session and refuse sign-in")
    _named(group, "enable", _enable, "allow sign-in again; what was ended stays ended")
    _named(group, "delete", _delete, "delete the account and its personal data, for good")


def _named(
    group: Group, verb: str, run: Callable[[argparse.Namespace], Answer], help_text: str
) -> argparse.ArgumentParser:
    parser = group.verb(verb, run, help_text)
    parser.add_argument("email")
    return parser


def row(user: User) -> dict[str, object]:
    """What is shown of an account; never its password hash."""
    state = "deleted" if user.deleted_at else "disabled" if user.disabled_at else "enabled"
    return {
        "id": str(user.id),
        "email": user.email,
        "email_verified": user.email_verified,
        "name": user.name,
        "state": state,
        "claims": dict(user.claims),
        "created_at": moment(user.created_at),
    }


def _create(arguments: argparse.Namespace) -> Answer:
    claims = dict(arguments.claim)
    if arguments.name:
        claims["name"] = arguments.name
    if problems := {name: text for name, value in claims.items() if (text := profile_problem(name, value))}:
        raise InputRefused(problems)
    password = read_password(arguments)
    with opened() as idp, settled(idp):
        user = idp.services.accounts.create(arguments.email, password, claims)
    return Answer(row(user), f"Created {user.email} ({user.id}).")


def _set(arguments: argparse.Namespace) -> Answer:
    """A year reads as a number, but no standard claim that can be set is one."""
    claims = {name: str(value) if type(value) is int else value for name, value in arguments.claim}
    with opened() as idp, settled(idp):
        user = idp.services.accounts.find(arguments.email)
        changed = idp.services.profiles.change(user, claims, by=OPERATOR)
    return Answer(row(changed), f"Changed what is known of {changed.email}.")


def _list(_arguments: argparse.Namespace) -> Answer:
    with opened() as idp:
        rows = [row(user) for user in idp.services.accounts.list()]
    return Answer(rows, table(rows, _COLUMNS))


def _set_password(arguments: argparse.Namespace) -> Answer:
    password = read_password(arguments)

    def change(idp: Runtime, user: User) -> None:
        idp.services.accounts.set_password(user, password, OPERATOR)

    return _change(arguments, change, "Set the password of {email}; the person is signed out everywhere.")


def _disable(arguments: argparse.Namespace) -> Answer:
    def change(idp: Runtime, user: User) -> None:
        idp.services.accounts.disable(user, OPERATOR)

    return _change(arguments, change, "Disabled {email}; every session has ended.")


def _enable(arguments: argparse.Namespace) -> Answer:
    def change(idp: Runtime, user: User) -> None:
        idp.services.accounts.enable(user, OPERATOR)

    return _change(arguments, change, "Enabled {email}.")


def _delete(arguments: argparse.Namespace) -> Answer:
    def change(idp: Runtime, user: User) -> None:
        idp.services.accounts.delete(user, OPERATOR)

    return _change(arguments, change, "Deleted {email} and all personal data; every session has ended.")


def _change(arguments: argparse.Namespace, change: Callable[[Runtime, User], None], sentence: str) -> Answer:
    """Find the person and change them in one transaction."""
    with opened() as idp, settled(idp):
        user = idp.services.accounts.find(arguments.email)
        change(idp, user)
    return Answer({"id": str(user.id), "email": user.email, "done": arguments.verb}, sentence.format(email=user.email))
