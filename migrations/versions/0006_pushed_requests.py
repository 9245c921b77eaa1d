"""Pushed authorization requests (RFC 9126). The previous version knows nothing of the table.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

UTC = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")  # microseconds since 1970
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """A table and the index of the sweeper."""
    op.create_table(
        "pushed_requests",
        sa.Column("reference_hash", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("parameters", JSON, nullable=False),
        sa.Column("signed", sa.Boolean(), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("expires_at", UTC, nullable=False),
        sa.Column("used_at", UTC, nullable=True),
        sa.ForeignKeyConstraint(
            ["client_id"], ["clients.client_id"], name="fk_pushed_requests_client_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("reference_hash", name="pk_pushed_requests"),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index("ix_pushed_requests_expires_at", "pushed_requests", ["expires_at"])


def downgrade() -> None:
    """Those under way must be pushed again."""
    op.drop_table("pushed_requests")
