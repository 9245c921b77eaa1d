"""Requests that clients poll for: device codes (RFC 8628) and CIBA requests.

Safe beside the previous version: it knows nothing of this table.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

UTC = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")  # microseconds since 1970
JSON = sa.JSON().with_variant(JSONB(), "postgresql")
ASKED = sa.text("user_id IS NOT NULL")


def upgrade() -> None:
    """One table, of which rows are swept a day after they expire."""
    op.create_table(
        "polled_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_code_hash", sa.LargeBinary(), nullable=True),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("scope", JSON, nullable=False),
        sa.Column("resources", JSON, nullable=False),
        sa.Column("binding_message", sa.Text(), nullable=True),
        sa.Column("acr_values", JSON, nullable=False),
        sa.Column("notification", sa.LargeBinary(), nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("interval", sa.Integer(), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("expires_at", UTC, nullable=False),
        sa.Column("polled_at", UTC, nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("device_id", sa.Uuid(), nullable=True),
        sa.Column("auth_time", UTC, nullable=True),
        sa.Column("acr", sa.Text(), nullable=True),
        sa.Column("amr", JSON, nullable=False),
        sa.Column("approved_at", UTC, nullable=True),
        sa.Column("denied_at", UTC, nullable=True),
        sa.Column("used_at", UTC, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_polled_requests"),
        sa.UniqueConstraint("code_hash", name="uq_polled_requests_code_hash"),
        sa.UniqueConstraint("user_code_hash", name="uq_polled_requests_user_code_hash"),
        sa.ForeignKeyConstraint(
            ["client_id"], ["clients.client_id"], name="fk_polled_requests_client_id", ondelete="CASCADE"
        ),
        postgresql_with={"fillfactor": 80},
    )
    for column in ("client_id", "expires_at"):
        op.create_index(f"ix_polled_requests_{column}", "polled_requests", [column])
    op.create_index(
        "ix_polled_requests_user_id", "polled_requests", ["user_id"], sqlite_where=ASKED, postgresql_where=ASKED
    )


def downgrade() -> None:
    """Requests that are under way are asked anew."""
    op.drop_table("polled_requests")
