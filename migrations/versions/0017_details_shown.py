"""Whether the page on which a polled request was approved showed its authorization details (RFC 9396 section 7).

Safe beside the previous version, and there for it: its pages show no details, so what it approves are none.

Revision ID: 0017
Revises: 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A constant default: no row is rewritten."""
    op.add_column(
        "polled_requests", sa.Column("details_shown", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def downgrade() -> None:
    """Requests that wait, ten minutes at most, wait on."""
    op.drop_column("polled_requests", "details_shown")
