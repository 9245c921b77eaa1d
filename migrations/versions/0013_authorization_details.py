"""Authorization details (RFC 9396): the operator's types, and what was granted of them.

Safe beside the previous version: it names neither the table nor the columns, and writes what is the default.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

UTC = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")  # microseconds since 1970
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """A constant default: no row is rewritten."""
    op.create_table(
        "detail_types",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("members", JSON, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.ForeignKeyConstraint(
            ["resource"], ["resources.identifier"], name="fk_detail_types_resource", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("name", name="pk_detail_types"),
    )
    op.create_index("ix_detail_types_resource", "detail_types", ["resource"])
    for table in ("codes", "refresh_families"):
        op.add_column(table, sa.Column("authorization_details", JSON, nullable=False, server_default=sa.text("'[]'")))


def downgrade() -> None:
    """What was granted is forgotten; what it was granted to lives on without."""
    for table in ("refresh_families", "codes"):
        op.drop_column(table, "authorization_details")
    op.drop_table("detail_types")
