"""README's table of specifications says what the tests say."""

from __future__ import annotations

import re
from pathlib import Path

from tests.house.spec_matrix import README, marks, readme_with, table
from tests.house.specifications import BEYOND, SPECIFICATIONS

IDP = Path(__file__).parents[2] / "idp"


def test_the_table_is_current() -> None:
    assert README.read_text() == readme_with(table(marks())), "say: make spec-matrix"


def test_every_mark_names_a_specification_that_is_listed() -> None:
    assert {mark.name for mark in marks()} <= {row.name for row in SPECIFICATIONS} | BEYOND


def test_what_is_supported_has_a_test() -> None:
    proved = {mark.name for mark in marks()}
    assert [row.name for row in SPECIFICATIONS if row.status != "no, on purpose" and row.name not in proved] == []


def test_what_is_not_supported_whole_says_why() -> None:
    assert [row.name for row in SPECIFICATIONS if row.status != "supported" and not row.note] == []


def test_every_protocol_file_is_in_the_table() -> None:
    listed = {name for row in SPECIFICATIONS for name in row.where}
    numbered = {f"oauth/{path.name}" for path in (IDP / "oauth").glob("rfc*.py")}
    assert numbered - listed == set()
    assert [name for name in listed if not (IDP / name).exists()] == []


def test_a_listed_rfc_file_stands_beside_its_rfc() -> None:
    for row in SPECIFICATIONS:
        if number := re.fullmatch(r"RFC (\d{4})", row.name):
            own = [path.name for path in (IDP / "oauth").glob(f"rfc{number[1]}_*.py")]
            assert set(own) <= {Path(name).name for name in row.where}, row.name
