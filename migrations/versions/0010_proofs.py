"""Codes and refresh families that are bound to a key or a certificate (RFC 9449 section 10, RFC 8705 section 4).

Safe beside the previous version: it names neither column, and what it makes is bound to nothing.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two columns that may be empty."""
    op.add_column("codes", sa.Column("dpop_jkt", sa.Text, nullable=True))
    op.add_column("refresh_families", sa.Column("x5t", sa.Text, nullable=True))


def downgrade() -> None:
    """As it was."""
    op.drop_column("refresh_families", "x5t")
    op.drop_column("codes", "dpop_jkt")
