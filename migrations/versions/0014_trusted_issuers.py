"""Issuers whose assertions are trusted (RFC 7523). The previous version knows nothing of the table.

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

UTC = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")  # microseconds since 1970
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """A small table that an operator fills."""
    op.create_table(
        "trusted_issuers",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("jwks", JSON, nullable=True),
        sa.Column("jwks_uri", sa.Text(), nullable=True),
        sa.Column("clients", JSON, nullable=False),
        sa.Column("scope", JSON, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("issuer", name="pk_trusted_issuers"),
    )


def downgrade() -> None:
    """Nobody is trusted any more."""
    op.drop_table("trusted_issuers")
