"""What a client may exchange tokens for (RFC 8693). The previous version knows nothing of the column.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """No row is rewritten."""
    op.add_column("clients", sa.Column("exchange", JSON, nullable=True))


def downgrade() -> None:
    """Nobody may exchange any more."""
    op.drop_column("clients", "exchange")
