"""Authorization details (RFC 9396) in the device grant and CIBA.

Safe beside the previous version: it does not name the column, and writes what is the default.

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """A constant default: no row is rewritten."""
    op.add_column(
        "polled_requests", sa.Column("authorization_details", JSON, nullable=False, server_default=sa.text("'[]'"))
    )


def downgrade() -> None:
    """Requests that wait, ten minutes at most, wait on for their scopes alone."""
    op.drop_column("polled_requests", "authorization_details")
