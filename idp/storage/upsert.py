"""INSERT … ON CONFLICT, which PostgreSQL and SQLite spell alike.

Why not insert and catch the violation: on PostgreSQL a failed statement breaks the whole transaction,
and many of these stand in the middle of a story.

Why PostgreSQL's construct for both: SQLAlchemy has one class per dialect; SQLite's compiler renders
this one too (not the other way round), so one statement serves both.
"""

from __future__ import annotations

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.dialects.postgresql import insert as upsert

__all__ = ["insert_or_nothing", "upsert"]


def insert_or_nothing(table: Table) -> Insert:
    """An insert that hits no row where any unique key is taken."""
    return upsert(table).on_conflict_do_nothing()
