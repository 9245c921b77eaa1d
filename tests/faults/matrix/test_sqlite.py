"""The embedded database: no room, no lock, no power (F-29 to F-31)."""

from __future__ import annotations

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.history import Outcome, now

from .counts import LOCK_HELD_SECONDS
from .scene import Play


@pytest.mark.fault("F-29")
def test_the_disk_is_full(embedded: Play) -> None:
    """Writes are told to come again, what can be read is read, and all goes on when there is room."""
    hold = embedded.holding()
    with embedded.crowd(4):
        time.sleep(1)
        with embedded.stage.disk.full():
            time.sleep(2)
            assert [embedded.active(hold, worker) for worker in embedded.stage.workers] == [True] * 3
        time.sleep(2)
    operations = embedded.judge()
    print(f"full by {embedded.stage.disk.how}")
    assert [o for o in operations if o.status == 503], "nothing was refused: this proves nothing"


@pytest.mark.fault("F-30")
def test_another_program_holds_the_writers_lock(embedded: Play) -> None:
    with embedded.crowd(4):
        time.sleep(1)
        with closing(sqlite3.connect(embedded.stage.sqlite_path, timeout=20, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(LOCK_HELD_SECONDS)
            other.execute("ROLLBACK")
        time.sleep(1)
    operations = embedded.judge()
    assert [o for o in operations if o.status == 503], "nobody waited: this proves nothing"


@pytest.mark.fault("F-31")
def test_the_power_is_cut(embedded: Play, tmp_path: Path) -> None:
    """What the disk holds at some moment, opened elsewhere, has every ending acknowledged before that moment."""
    with embedded.crowd():
        time.sleep(2)
        moment = now()
        for name in ("idp.sqlite-wal", "idp.sqlite"):  # the log first: what it lacks is in the file by then
            shutil.copy(embedded.stage.sqlite_path.with_name(name), tmp_path / name)
    operations = embedded.judge()
    acknowledged = [o for o in operations if o.asks_end and o.outcome is Outcome.OK and o.complete < moment]
    with closing(sqlite3.connect(tmp_path / "idp.sqlite")) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        live = {row[0].hex() if isinstance(row[0], bytes) else str(row[0]).replace("-", "") for row in copy.execute(
            "SELECT id FROM client_sessions WHERE ended_at IS NULL")}  # fmt: skip
    ended = {o.subjects[0] for o in acknowledged if o.subjects[0].startswith("sid:")}
    assert ended, "nothing was ended: this proves nothing"
    assert {sid for sid in ended if sid.removeprefix("sid:").replace("-", "") in live} == set()
