"""The ``idp`` command: argument parsing over services, one module per noun.

Every command answers on stdout, as a table or, with ``--json``, as JSON; complaints go to stderr.
Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 wrong configuration, 4 a backend does not
answer.

Why argparse: exit codes and streams are a contract with scripts, and nothing else is needed.
Passwords are read from a prompt or from stdin, never from an argument: arguments are visible to
every user of the machine and stay in the shell's history.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from ..again import until_kept
from ..errors import IdpError
from . import (
    clients,
    db,
    demo,
    detail_types,
    doctor,
    initial_access_tokens,
    issuers,
    keys,
    outbox,
    resources,
    serve,
    sessions,
    users,
    worker,
)
from .output import Answer, complain, show

NOUNS = (
    serve, worker, demo, doctor, db, users, clients, initial_access_tokens, issuers, resources,
    detail_types, keys, sessions, outbox,
)  # fmt: skip


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="answer in JSON")
    root = argparse.ArgumentParser(
        prog="idp",
        description="OAuth 2.1 / OpenID Connect identity provider.",
        epilog="Settings come from IDP_* variables; `idp doctor` lists them all.",
        allow_abbrev=False,
    )
    commands = root.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for noun in NOUNS:
        noun.register(commands, common)
    return root


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; argparse exits with 2 by itself."""
    arguments = parser().parse_args(argv)
    try:
        answer: Answer = until_kept(lambda: arguments.run(arguments))
    except IdpError as error:
        return complain(error, as_json=arguments.json)
    except KeyboardInterrupt:
        return 130
    show(answer, as_json=arguments.json)
    return answer.code
