"""The outbox: attempts, leases and outcomes of deliveries, and whom a message concerns.

Safe beside the previous version: it names the columns it inserts, and every new one is nullable or has a
default. What it inserts has no ``client_id`` or ``user_id`` of its own; deliveries read the payload.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

UTC = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")  # microseconds since 1970
WAITING = "delivered_at IS NULL AND gave_up_at IS NULL"
CONCERNS = ("user_id", "client_id", "sid")


def _partial(name: str, column: str, condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "outbox", [column], sqlite_where=where, postgresql_where=where)


def upgrade() -> None:
    """Only waiting rows stand in the index that moves with every retry, so it stays small."""
    op.add_column("outbox", sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False))
    for name in ("claimed_until", "delivered_at", "gave_up_at"):
        op.add_column("outbox", sa.Column(name, UTC, nullable=True))
    for name in ("last_error", "client_id"):
        op.add_column("outbox", sa.Column(name, sa.Text(), nullable=True))
    for name in ("user_id", "sid", "session_id"):
        op.add_column("outbox", sa.Column(name, sa.Uuid(), nullable=True))
    op.drop_index("ix_outbox_due_at", "outbox")
    _partial("ix_outbox_waiting", "due_at", WAITING)
    for name in CONCERNS:
        _partial(f"ix_outbox_of_{name}", name, f"{name} IS NOT NULL")


def downgrade() -> None:
    """Outcomes are forgotten: what was delivered would be sent again, so it goes."""
    op.execute(f"DELETE FROM outbox WHERE NOT ({WAITING})")  # noqa: S608  # a constant of this file
    for name in CONCERNS:
        op.drop_index(f"ix_outbox_of_{name}", "outbox")
    op.drop_index("ix_outbox_waiting", "outbox")
    op.create_index("ix_outbox_due_at", "outbox", ["due_at"])
    with op.batch_alter_table("outbox") as table:
        for name in (
            "attempts", "claimed_until", "delivered_at", "gave_up_at", "last_error", "client_id", "user_id", "sid",
            "session_id",
        ):  # fmt: skip
            table.drop_column(name)
