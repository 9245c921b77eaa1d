"""Clients that describe themselves at a URL: until when what was read of one counts.

Safe beside the previous version: it leaves the column alone, which is NULL for every client it makes.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

UTC = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")  # microseconds since 1970


def upgrade() -> None:
    """One column without a default: no row is rewritten."""
    op.add_column("clients", sa.Column("metadata_expires_at", UTC, nullable=True))


def downgrade() -> None:
    """Those clients stay as they were last read."""
    op.drop_column("clients", "metadata_expires_at")
