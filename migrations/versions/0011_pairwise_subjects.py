"""Pairwise subject identifiers (OpenID Connect Core 1.0 section 8.1).

A new table alone: the previous version does not know it, and gives no client a pairwise subject.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Empty until a client registers for pairwise subjects."""
    op.create_table(
        "pairwise_subjects",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("sector", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "sector", name="pk_pairwise_subjects"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_pairwise_subjects_user_id"),
        sa.UniqueConstraint("subject", name="uq_pairwise_subjects_subject"),
    )


def downgrade() -> None:
    """The names are lost: clients would know everybody by another one."""
    op.drop_table("pairwise_subjects")
