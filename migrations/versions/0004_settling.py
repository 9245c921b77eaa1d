"""Since when endings are known to be committed that the hot copy has not confirmed.

Safe beside the previous version: it knows nothing of this table.

Revision ID: 0004
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0002"
branch_labels = None
depends_on = None

UTC = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")  # microseconds since 1970


def upgrade() -> None:
    """One small table; empty but for times at which Redis is silent."""
    op.create_table(
        "settling",
        sa.Column("sid", sa.Uuid(), nullable=False),
        sa.Column("known_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("sid", name="pk_settling"),
    )
    op.create_index("ix_settling_known_at", "settling", ["known_at"])


def downgrade() -> None:
    """Nothing is lost but seconds."""
    op.drop_table("settling")
