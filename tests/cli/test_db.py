"""``idp db`` on both databases."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from idp.paths import MIGRATIONS
from tests.cli.conftest import Idp

COUNT = len(list((MIGRATIONS / "versions").glob("*.py")))


def test_a_new_database_lacks_everything_and_checking_makes_nothing(idp: Idp, tmp_path: Path) -> None:
    ran = idp("db", "check", "--json")
    assert ran.code == 1
    assert len(ran.json()["pending"]) == COUNT
    assert not (tmp_path / "data" / "idp.sqlite").exists()


def test_upgrading_once_is_enough(idp: Idp, tmp_path: Path) -> None:
    first, second = idp("db", "upgrade", "--json"), idp("db", "upgrade")
    assert (first.code, len(first.json()["applied"])) == (0, COUNT)
    assert (second.code, second.out) == (0, "The database is up to date.\n")
    assert idp("db", "check").code == 0
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0


def test_a_newer_database_is_refused(idp: Idp, tmp_path: Path) -> None:
    idp("db", "upgrade")
    with sqlite3.connect(tmp_path / "data" / "idp.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    for command in ("check", "upgrade"):
        ran = idp("db", command)
        assert ran.code == 3
        assert "newer than this program" in ran.err


def test_a_server_is_upgraded_only_when_told(idp: Idp, monkeypatch: pytest.MonkeyPatch, postgres_url: str) -> None:
    monkeypatch.setenv("IDP_DATABASE_URL", postgres_url)
    refused = idp("serve")
    assert refused.code == 3
    assert "idp db upgrade" in refused.err
    assert idp("db", "upgrade").code == 0
    assert idp("db", "check").code == 0
    assert idp("user", "list").code == 0
