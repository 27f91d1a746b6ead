"""a draft may be kept with a rule, by which it is mailed again and again"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
IS_REPEATING = sa.text("state = 'active'")


def upgrade() -> None:
    op.create_table(
        "repeats",
        sa.Column("id", ID, primary_key=True),
        sa.Column("uid", sa.String(36), nullable=False, unique=True),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("user_id", ID, sa.ForeignKey("users.id", ondelete="SET NULL"), nullable=True),
        sa.Column("program_id", ID, nullable=True),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("rule", sa.String(200), nullable=False),
        sa.Column("zone", sa.String(64), nullable=False),
        sa.Column("hours", sa.String(120), nullable=True),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.Column("times", sa.Integer(), nullable=True),
        sa.Column("paused_for", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_repeats_next_at", "repeats", ["next_at"], sqlite_where=IS_REPEATING, postgresql_where=IS_REPEATING
    )
    op.create_table(
        "repeat_drafts",
        sa.Column("repeat_id", ID, sa.ForeignKey("repeats.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("draft", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "repeat_ticks",
        sa.Column("repeat_id", ID, sa.ForeignKey("repeats.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("tick_at", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("mailing_id", ID, sa.ForeignKey("mailings.id", ondelete="CASCADE"), nullable=True),
        sa.Column("by_hand", sa.Boolean(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False, server_default=""),
        sa.Column("noted_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_repeat_ticks_mailing_id", "repeat_ticks", ["mailing_id"])


def downgrade() -> None:
    for name in ("repeat_ticks", "repeat_drafts", "repeats"):
        op.drop_table(name)
