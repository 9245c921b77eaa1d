"""No row of the matrix is left out in silence."""

from __future__ import annotations

import re
from pathlib import Path

from .rows import ELSEWHERE, NOWHERE

HERE = Path(__file__).parent
ALL = {f"F-{number:02}" for number in range(1, 47)}


def _here() -> set[str]:
    return {row for path in HERE.glob("test_*.py") for row in re.findall(r'fault\("(F-\d\d)"\)', path.read_text())}


def test_each_row_is_proven_here_or_elsewhere_or_named_as_not_proven() -> None:
    assert _here() | set(ELSEWHERE) | set(NOWHERE) == ALL


def test_nothing_proven_is_called_unproven() -> None:
    assert not (_here() | set(ELSEWHERE)) & set(NOWHERE)
