"""Measures functions and files with ``ast``. Docstrings do not count: they are promises, not length."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, order=True)
class Size:
    """So many lines, and where."""

    lines: int
    where: str


def function_lines(node: Function) -> int:
    """From ``def`` to the last line, without decorators and docstring."""
    documented = ast.get_docstring(node, clean=False) is not None
    docstring = (node.body[0].end_lineno or 0) - node.body[0].lineno + 1 if documented else 0
    return (node.end_lineno or 0) - node.lineno + 1 - docstring


def functions(root: Path) -> list[Size]:
    """Every function below ``root``, shortest first."""
    return sorted(
        Size(function_lines(node), f"{path}:{node.lineno} {node.name}")
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, Function)
    )


def files(root: Path) -> list[Size]:
    """Every module below ``root``, shortest first."""
    return sorted(Size(path.read_text().count("\n"), str(path)) for path in root.rglob("*.py"))


def percentile(sizes: list[Size], share: float) -> Size:
    """The size that this share of all does not exceed."""
    return sizes[min(len(sizes) - 1, int(len(sizes) * share))]
