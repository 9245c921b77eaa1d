"""The migrations make what the tables say, on both databases, by one process at a time."""

from __future__ import annotations

import threading
from pathlib import Path
from uuid import uuid4

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import Engine, inspect, text

from idp.domain.ports import Stores
from idp.paths import MIGRATIONS
from idp.storage.database import Database, db, engine_options
from idp.storage.migrate import config, current_and_head, migrate, upgrade
from idp.storage.outbox import SqlOutbox
from idp.storage.tables import Base

from ..builders import NOW
from ..conftest import DATABASES, open_engine

HEAD = ScriptDirectory.from_config(config(MIGRATIONS)).get_current_head()


@pytest.fixture(params=DATABASES)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new.sqlite'}"
    url: str = request.getfixturevalue("postgres").new_database()
    return url


def test_migrations_make_the_tables(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True, "render_as_batch": True}
        )
        assert compare_metadata(context, Base.metadata) == []


def test_partial_indexes_are_partial(engine: Engine) -> None:
    """Autogenerate does not compare conditions, so they are looked at here."""
    indexes = {index["name"]: index for index in inspect(engine).get_indexes("client_sessions")}
    unique = indexes["uq_client_sessions_live"]
    assert unique["unique"]
    assert "ended_at IS NULL" in str(unique["dialect_options"][f"{engine.dialect.name}_where"])


def test_pending_until_upgraded(empty_url: str, stores: Stores) -> None:
    engine = open_engine(empty_url)
    assert current_and_head(engine, MIGRATIONS) == (None, HEAD)
    upgrade(engine, MIGRATIONS)
    assert current_and_head(engine, MIGRATIONS) == (HEAD, HEAD)
    engine.dispose()
    assert not stores.health.migrations_pending()


def test_the_previous_version_goes_on_putting_messages(empty_url: str) -> None:
    """Old and new processes stand side by side during an upgrade: it does not know the columns of 0002."""
    engine = open_engine(empty_url)
    upgrade(engine, MIGRATIONS, "0001")
    put = "INSERT INTO outbox (id, kind, payload, created_at, due_at) VALUES (:id, 'mail', '{}', :at, :at)"
    at = 1 if engine.dialect.name == "sqlite" else NOW
    with engine.connect() as connection:
        connection.execute(text(put), {"id": uuid4().hex, "at": at})
        upgrade(engine, MIGRATIONS)
        connection.execute(text(put), {"id": uuid4().hex, "at": at})
    messages = SqlOutbox(Database(engine)).pending(10)
    assert [(message.kind, message.attempts, message.state) for message in messages] == [("mail", 0, "waiting")] * 2
    engine.dispose()


def test_several_processes_start_at_once(empty_url: str) -> None:
    problems: list[BaseException] = []

    def start() -> None:
        engine = open_engine(empty_url)
        try:
            upgrade(engine, MIGRATIONS)
            assert current_and_head(engine, MIGRATIONS) == (HEAD, HEAD)
        except BaseException as problem:  # noqa: BLE001  # carried to the main thread
            problems.append(problem)
        finally:
            engine.dispose()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_down_and_up_again(empty_url: str) -> None:
    engine = open_engine(empty_url)
    upgrade(engine, MIGRATIONS)
    made = config(MIGRATIONS)
    made.attributes["url"] = empty_url
    command.downgrade(made, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    upgrade(engine, MIGRATIONS)
    engine.dispose()


def test_through_flask(empty_url: str) -> None:
    """The wiring that the application uses, and ``flask db`` with it."""
    app = Flask("idp")
    app.config["SQLALCHEMY_DATABASE_URI"] = empty_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(empty_url, 2)
    db.init_app(app)
    migrate.init_app(app, db, directory=str(MIGRATIONS))
    with app.app_context():
        command.upgrade(config(MIGRATIONS), "head")
        assert current_and_head(db.engine, MIGRATIONS) == (HEAD, HEAD)
        db.engine.dispose()
