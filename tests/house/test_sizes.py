"""Sizes of ``idp/`` (design.md section 6): a page of code is read, a scroll of it is believed."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.house.sizes import Function, files, function_lines, functions, percentile

ROOT = Path(__file__).parents[2]
IDP = ROOT / "idp"


def test_half_of_all_functions_have_at_most_eight_lines() -> None:
    assert percentile(functions(IDP), 0.5).lines <= 8


def test_nearly_all_functions_have_at_most_thirty_lines() -> None:
    assert percentile(functions(IDP), 0.95).lines <= 30


def test_no_function_has_more_than_fifty_lines() -> None:
    assert [size for size in functions(IDP) if size.lines > 50] == []


def test_nearly_all_files_have_at_most_three_hundred_lines() -> None:
    assert percentile(files(IDP), 0.95).lines <= 300


def test_no_file_has_more_than_four_hundred_lines() -> None:
    assert [size for size in files(IDP) if size.lines > 400] == []


def test_a_docstring_does_not_count() -> None:
    tree = ast.parse('@cache\ndef f():\n    """One\n\n    two."""\n    a = 1\n    return a\n')
    node = tree.body[0]
    assert isinstance(node, Function)
    assert function_lines(node) == 3
