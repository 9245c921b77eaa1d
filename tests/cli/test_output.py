"""Tables and complaints."""

from __future__ import annotations

from datetime import datetime

from idp.cli.output import details, moment, table
from idp.logs import without_passwords


def test_a_table_has_a_head_and_aligned_columns() -> None:
    rows = [{"id": 1, "live": True}, {"id": 200, "live": None}]
    assert table(rows, ("id", "live")) == "ID   LIVE\n1    yes\n200  -"


def test_nothing_is_said_in_words() -> None:
    assert table([], ("id",)) == "Nothing to show."


def test_what_others_named_cannot_steer_the_terminal() -> None:
    assert "\x1b" not in table([{"name": "\x1b[2Jgone"}], ("name",)) + details({"name": "\x1b]0;x\x07"})


def test_moments_are_utc_to_the_second() -> None:
    assert moment(datetime.fromisoformat("2026-01-02T03:04:05.678+00:00")) == "2026-01-02T03:04:05Z"


def test_passwords_in_urls_are_hidden() -> None:
    assert without_passwords("postgresql+psycopg://u:p%40ss@h/db") == "postgresql+psycopg://u:***@h/db"
