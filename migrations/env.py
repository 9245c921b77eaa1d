"""Runs migrations, for ``idp.storage.migrate`` and for ``flask db``.

The caller of the former hands its connection over, with the transaction and the lock it holds; what
hands over nothing (``flask db``, or a Config with a ``url``) gets both here.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from alembic import context
from flask import current_app
from sqlalchemy import Connection, Engine, NullPool, create_engine

from idp.storage.database import engine_options
from idp.storage.migrate import alone
from idp.storage.tables import Base


def engine() -> Engine:
    """The URL the caller named, else the application's (``.engine``: authlib.md 3.2)."""
    url = context.config.attributes.get("url")
    if url is None:
        found: Engine = current_app.extensions["migrate"].db.engine
        return found
    options = engine_options(url)
    kept: dict[str, Any] = {
        name: options[name] for name in options if not name.startswith(("pool_size", "pool_timeout", "max_"))
    }
    return create_engine(url, poolclass=NullPool, hide_parameters=True, **kept)


def run() -> None:
    """Inside the one transaction. ``render_as_batch`` because SQLite cannot alter most of a table."""
    given: Connection | None = context.config.attributes.get("connection")
    with nullcontext(given) if given is not None else alone(engine()) as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=True,
            compare_type=True,
            compare_server_default=True,
        )
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    raise RuntimeError("migrations run online only: they must hold the lock of the database they change")
run()
