"""What a command answers, and how it is printed: a table for people, JSON for scripts.

The answer goes to stdout, everything else to stderr, so that ``idp … --json | jq`` always works.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..errors import ConfigurationError, IdpError, InputRefused, NotFound, ProtocolError, Unavailable

OK, REFUSED, USAGE, CONFIGURATION, UNAVAILABLE = 0, 1, 2, 3, 4
"""Exit codes; 2 is argparse's own."""


@dataclass(frozen=True)
class Answer:
    """``data`` is printed with ``--json``, ``text`` without; ``code`` is the exit code."""

    data: object
    text: str
    code: int = OK


def table(rows: Iterable[Mapping[str, object]], columns: Sequence[str]) -> str:
    """Columns as wide as needed, headed by their names; one sentence if there is nothing."""
    lines = [[column.replace("_", " ").upper() for column in columns]]
    lines += [[_cell(row.get(column)) for column in columns] for row in rows]
    if len(lines) == 1:
        return "Nothing to show."
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def details(row: Mapping[str, object]) -> str:
    """One member a line, for a single thing."""
    width = max(map(len, row), default=0)
    return "\n".join(f"{name.ljust(width)}  {_cell(value)}" for name, value in row.items())


def _cell(value: object) -> str:
    if value is None or value == "" or value == []:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value))
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, Mapping) else str(value)
    # A name that somebody registered must not steer the operator's terminal.
    return "".join(character if character.isprintable() else "?" for character in text)


def moment(time: datetime | None) -> str | None:
    """ISO 8601 in UTC to the second, the same in tables and in JSON."""
    return None if time is None else time.isoformat(timespec="seconds").replace("+00:00", "Z")


def show(answer: Answer, *, as_json: bool) -> None:
    """Print the answer to stdout."""
    text = json.dumps(answer.data, indent=2, ensure_ascii=False, default=str) if as_json else answer.text
    if text:
        print(text)


def complain(error: IdpError, *, as_json: bool) -> int:
    """Print what went wrong to stderr and return the exit code for it."""
    problems = _problems(error)
    name, code = next((found for kind, found in _KINDS.items() if isinstance(error, kind)), ("refused", REFUSED))
    if as_json:
        print(json.dumps({"error": name, "problems": problems}), file=sys.stderr)
    else:
        print("\n".join(f"idp: {problem}" for problem in problems), file=sys.stderr)
    return code


def _problems(error: IdpError) -> list[str]:
    if isinstance(error, ConfigurationError):
        return error.problems
    if isinstance(error, InputRefused):
        return [f"{field}: {sentence}" for field, sentence in error.problems.items()]
    if isinstance(error, ProtocolError):
        return [f"{error.error}: {error.description} ({error.section})"]
    if isinstance(error, Unavailable):
        return [f"{error}; `idp doctor` says more"]
    if isinstance(error, NotFound):
        return [f"not found: {error}"]
    return [str(error) or type(error).__name__]


_KINDS = {ConfigurationError: ("configuration", CONFIGURATION), Unavailable: ("unavailable", UNAVAILABLE)}
