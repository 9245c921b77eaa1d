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


@pytest.mark.parametrize("url", ["", "sqlite:///shared/x.sqlite"])
def test_the_files_are_for_their_owner_alone(
    idp: Idp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """A path is relative to where one is, for every command and for the application."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IDP_DATABASE_URL", url)
    main = tmp_path / ("shared/x.sqlite" if url else "data/idp.sqlite")
    assert idp("db", "upgrade").code == 0
    with sqlite3.connect(main) as connection:
        connection.execute("UPDATE alembic_version SET version_num = version_num")
        files = {path.name: path.stat().st_mode & 0o777 for path in main.parent.glob(f"{main.name}*")}
    connection.close()
    assert files == dict.fromkeys((main.name, f"{main.name}-wal", f"{main.name}-shm"), 0o600)
    assert idp("user", "list").code == 0
    assert sorted(tmp_path.rglob("*.sqlite")) == [main]


@pytest.mark.parametrize("url", ["", "sqlite:///data/x.sqlite"])
def test_an_unusable_directory_is_a_wrong_setting(
    idp: Idp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IDP_DATABASE_URL", url)
    monkeypatch.setenv("IDP_MASTER_KEY", "A" * 43)
    (tmp_path / "data").write_text("a file")
    for command in (("db", "upgrade"), ("user", "list"), ("serve",)):
        ran = idp(*command)
        assert (ran.code, ran.out) == (3, "")
        assert str(tmp_path / "data") in ran.err


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


# ── after a restore ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.promise("P1")
def test_after_a_restore_everybody_signs_in_again(idp: Idp) -> None:
    assert idp("db", "upgrade").code == 0
    done = idp("db", "restored", "--taken-at", "2026-11-20T03:15:00Z", "--json")
    assert (done.code, done.json()) == (0, {"clients": 0, "ended": 0})
    again = idp("db", "restored", "--taken-at", "2026-11-20T04:15:00+01:00")
    assert again.code == 0
    assert "Ended what the backup had open: 0." in again.out


@pytest.mark.parametrize(("taken_at", "code"), [("yesterday", 2), ("2026-11-22T03:15:00", 2), ("2126-01-01T00:00Z", 1)])
def test_a_time_that_is_none(idp: Idp, taken_at: str, code: int) -> None:
    assert idp("db", "upgrade").code == 0
    assert idp("db", "restored", "--taken-at", taken_at).code == code


def test_when_the_backup_was_taken_must_be_said(idp: Idp) -> None:
    assert idp("db", "restored").code == 2
