"""The registry keeps up with the program: every guard can be removed, and is named with tests that there are."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from .catalogue import BEYOND, CATALOGUE, ROWS, differences
from .entry import Guard, Unfit, removal, without
from .exchange import Program
from .registry import GUARDS, NOT_HERE, NOTHING_TO_REMOVE

ROOT = Path(__file__).parents[2]


@cache
def _functions(file: str) -> frozenset[str]:
    body = ast.parse((ROOT / file).read_text()).body
    return frozenset(node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _exists(test: str) -> bool:
    file, _, name = test.partition("::")
    return (ROOT / file).exists() and name.partition("[")[0] in _functions(file)


def _unfit(guard: Guard) -> str | None:
    try:
        texts = without(guard, ROOT)
    except (Unfit, SyntaxError) as error:
        return f"{guard.name}: {error}"
    return next(
        (f"{guard.name}: {name} stays as it is" for name in texts if texts[name] == (ROOT / name).read_text()), None
    )


def test_every_guard_stands_once_where_it_is_said_to_and_can_be_removed() -> None:
    assert [problem for guard in GUARDS if (problem := _unfit(guard))] == []


def test_every_guard_names_tests_that_there_are() -> None:
    named = {test for guard in GUARDS for test in guard.tests}
    named |= {test for _reason, tests in NOTHING_TO_REMOVE.values() for test in tests}
    assert sorted(test for test in named if not _exists(test)) == []
    assert [guard.name for guard in GUARDS if not guard.tests or not guard.rows] == []


def test_every_row_has_a_guard_or_a_reason() -> None:
    guarded = {row for guard in GUARDS for row in guard.rows}
    assert guarded <= ROWS.keys() | BEYOND.keys()
    assert guarded.isdisjoint(NOTHING_TO_REMOVE.keys() | NOT_HERE.keys())
    assert sorted((ROWS.keys() | BEYOND.keys()) - guarded - NOTHING_TO_REMOVE.keys() - NOT_HERE.keys()) == []
    assert NOTHING_TO_REMOVE.keys().isdisjoint(NOT_HERE)
    assert NOTHING_TO_REMOVE.keys() | NOT_HERE.keys() <= ROWS.keys()


@pytest.mark.slow
def test_these_are_the_rows_of_security_md() -> None:
    """In the whole suite: the fast part runs on fresh clones, without security.md, where a skip is a failure."""
    if not CATALOGUE.exists():
        pytest.skip("there is no security.md beside this checkout; its rows were not compared")
    assert differences(CATALOGUE.read_text()) == []


def test_a_catalogue_that_has_changed_is_noticed() -> None:
    text = "### A. redirect_uri\n\n| Attack | Answer |\n|---|---|\n| Another | 400 |\n\n## 3. Rest\n| No row | x |\n"
    found = differences(text)
    assert "A1: 'Another'" in found
    assert "A2 stands in one of the two only" in found


@pytest.mark.parametrize("fragment", ["not there", "a"])
def test_a_fragment_that_is_not_unique_is_unfit(fragment: str) -> None:
    with pytest.raises(Unfit):
        removal("x.py", fragment, "").applied("a = a")


def test_functions_are_exchanged_and_everything_else_begins_anew(tmp_path: Path) -> None:
    """What differs in a body that has run already cannot be had by exchanging functions."""
    (tmp_path / "idp").mkdir()
    path = tmp_path / "idp" / "x.py"
    text = 'LIMIT = 3\n\n\nclass C:\n    kind = "a"\n\n    def f(self) -> int:\n        return LIMIT\n'
    path.write_text(text)
    scope: dict[str, object] = {}
    exec(compile(text, str(path), "exec"), scope)
    program = Program(tmp_path)
    changes = program.changes({"idp/x.py": text.replace("return LIMIT", "\n        return 7")})
    assert changes is not None
    assert [function.__qualname__ for function, _code in changes] == ["C.f"]
    assert program.changes({"idp/x.py": text.replace("LIMIT = 3", "LIMIT = 4")}) is None
    assert program.changes({"idp/x.py": text.replace('"a"', '"b"')}) is None
    assert program.changes({"idp/x.html": ""}) is None
    assert program.changes({"idp/x.py": text}) == []
