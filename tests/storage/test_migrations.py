"""The migrations make what the tables say, on both databases, by one process at a time."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from flask import Flask
from sqlalchemy import Engine, inspect

from idp.domain.ports import Stores
from idp.paths import MIGRATIONS
from idp.storage.database import db, engine_options
from idp.storage.migrate import config, current_and_head, migrate, upgrade
from idp.storage.tables import Base

from ..conftest import DATABASES, open_engine


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
    assert current_and_head(engine, MIGRATIONS) == (None, "0001")
    upgrade(engine, MIGRATIONS)
    assert current_and_head(engine, MIGRATIONS) == ("0001", "0001")
    engine.dispose()
    assert not stores.health.migrations_pending()


def test_several_processes_start_at_once(empty_url: str) -> None:
    problems: list[BaseException] = []

    def start() -> None:
        engine = open_engine(empty_url)
        try:
            upgrade(engine, MIGRATIONS)
            assert current_and_head(engine, MIGRATIONS) == ("0001", "0001")
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
        assert current_and_head(db.engine, MIGRATIONS) == ("0001", "0001")
        db.engine.dispose()
