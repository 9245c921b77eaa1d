"""Many processes on a database that nobody has used yet (reliability.md F-36), and a migration under load (F-45)."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from idp.paths import MIGRATIONS
from idp.storage.migrate import config, upgrade
from tests.conftest import open_engine
from tests.postgres import PostgresServer
from tests.races.play import Play
from tests.running import RunningProvider, operating, running
from tests.steady_load import SteadyLoad

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("starts"), pytest.mark.timeout(900)]

PROCESSES = 8


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_eight_processes_that_start_at_once_make_one_active_key(
    request: pytest.FixtureRequest, database: str, tmp_path: Path
) -> None:
    """F-36: as eight machines would; each opens the provider, which makes the first keys (and SQLite's tables)."""
    url = ""
    if database == "postgresql":
        url = request.getfixturevalue("postgres").new_database()
        engine = open_engine(url)
        upgrade(engine, MIGRATIONS)
        engine.dispose()
    environment = RunningProvider(tmp_path, url).environment
    command = [sys.executable, "-m", "idp", "key", "list", "--json"]
    processes = [
        subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(PROCESSES)
    ]
    try:
        ended = [(*process.communicate(timeout=800), process.returncode) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [code for _, _, code in ended] == [0] * PROCESSES, [error for _, error, _ in ended]
    seen = [sorted((key["state"], key["kid"]) for key in json.loads(out)) for out, _, _ in ended]
    assert [state for state, _ in seen[0]] == ["active", "announced"]
    assert all(one == seen[0] for one in seen)


_MORE = '''
"""Add a column and an index, as a later version may.

Revision ID: later
"""
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "later", "{head}", None, None


def upgrade():
    op.add_column("client_sessions", sa.Column("later", sa.Text(), nullable=True))
    op.add_column("refresh_families", sa.Column("later", sa.BigInteger(), server_default="0", nullable=False))
    op.create_index("ix_client_sessions_later", "client_sessions", ["later"])
'''


def test_a_migration_under_load_fails_no_request(postgres: PostgresServer, tmp_path: Path) -> None:
    """F-45: workers of before go on over tables that have grown, and while they grow."""
    migrations = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, migrations, ignore=shutil.ignore_patterns("__pycache__"))
    head = ScriptDirectory.from_config(config(MIGRATIONS)).get_current_head()
    (migrations / "versions" / "9999_later.py").write_text(_MORE.format(head=head))
    provider = RunningProvider(tmp_path / "provider", postgres.new_database())
    with operating(provider) as operator, running(provider):
        play = Play(provider, operator)
        app = play.app()
        load = SteadyLoad(play, app)
        with load.running(3):
            time.sleep(1)
            upgrade(operator.engine, migrations)
            time.sleep(1)
    assert load.failed == []
    assert load.answered > 10
