"""``make spec-matrix``: from the marks of all tests, README's table of specifications, sections and what proves them.

Marks are read from the source, not by collecting with pytest: that imports everything and takes half a minute, and
the table is to be compared in the fast part of every run. ``python -m tests.house.spec_matrix "RFC 9126"`` lists the
tests of one specification by section.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.house.specifications import SPECIFICATIONS, Specification

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
BEGIN, END = "<!-- make spec-matrix: begin -->", "<!-- make spec-matrix: end -->"


@dataclass(frozen=True, order=True)
class Mark:
    """One ``pytest.mark.spec`` and the test it stands on. ``file`` is below ``tests/``."""

    name: str
    section: str
    file: str
    test: str


def marks() -> list[Mark]:
    """Every mark of every test. Raises ValueError for one whose words cannot be read."""
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    return sorted({mark for path in files if "node_modules" not in path.parts for mark in _of_file(path)})


def _of_file(path: Path) -> Iterator[Mark]:
    tree = ast.parse(path.read_text())
    words = dict(_constants(tree))
    for node, test in _scopes(tree):
        for name, section in _marks(node, words, path):
            yield Mark(name, section, str(path.relative_to(ROOT / "tests")), test)


def _scopes(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Decorators of each test, and the module's ``pytestmark``."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(getattr(name, "id", "") == "pytestmark" for name in node.targets):
            yield node.value, "(all)"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for decorator in node.decorator_list:
                yield decorator, node.name


def _marks(node: ast.AST, words: dict[str, str], path: Path) -> Iterator[tuple[str, str]]:
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.spec":
            name, section = (_word(argument, words, path) for argument in call.args)
            yield name, section


def _word(node: ast.expr, words: dict[str, str], path: Path) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Name) and node.id in words:
        return words[node.id]
    raise ValueError(f"{path}:{node.lineno}: a mark needs words or a constant of its file")


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield from _assigned(target, node.value)


def _assigned(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, str]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, its in zip(target.elts, value.elts, strict=False):
            yield from _assigned(one, its)
    elif isinstance(target, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield target.id, value.value


def _by_number(section: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in section.split(".")]


def table(all_marks: list[Mark]) -> str:
    """The Markdown between the markers."""
    lines = ["| specification | status | where | sections with a test, and where the tests are |", "|---|---|---|---|"]
    return "\n".join((*lines, *(_row(row, [m for m in all_marks if m.name == row.name]) for row in SPECIFICATIONS)))


def _row(row: Specification, proofs: list[Mark]) -> str:
    title = f"{row.name}, {row.title}" if row.title else row.name
    status = f"{row.status}: {row.note}" if row.note else row.status
    where = ", ".join(f"`{name}`" for name in row.where)
    return f"| {title} | {status} | {where} | {_proofs(proofs)} |"


def _proofs(proofs: list[Mark]) -> str:
    files: dict[str, set[str]] = {}
    for mark in proofs:
        files.setdefault(mark.file, set()).add(mark.section)
    return " · ".join(f"{', '.join(sorted(files[name], key=_by_number))} (`{name}`)" for name in sorted(files))


def readme_with(text: str) -> str:
    """README with the table between its markers."""
    whole = README.read_text()
    assert whole.count(BEGIN) == whole.count(END) == 1, "README has the markers once"
    return re.sub(f"{BEGIN}.*{END}", lambda _: f"{BEGIN}\n{text}\n{END}", whole, flags=re.DOTALL)


def main(arguments: list[str]) -> None:
    """Write README's table, or list the tests of the specifications named."""
    found = marks()
    if not arguments:
        README.write_text(readme_with(table(found)))
    for name in arguments:
        for mark in sorted((m for m in found if m.name == name), key=lambda m: (_by_number(m.section), m.file)):
            print(f"{mark.section:<12} tests/{mark.file}::{mark.test}")


if __name__ == "__main__":
    main(sys.argv[1:])
