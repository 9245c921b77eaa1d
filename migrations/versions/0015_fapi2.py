"""Clients under FAPI 2.0. The previous version knows nothing of the column, and asks less of such a client.

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody is under it until an operator says so."""
    op.add_column("clients", sa.Column("fapi2", sa.Text, nullable=True))


def downgrade() -> None:
    """What the policy has turned on in registrations stays."""
    op.drop_column("clients", "fapi2")
