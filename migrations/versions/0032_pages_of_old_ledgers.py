"""what pages of an old ledger ask for is found by indexes; its sums are kept by blocks of mailings"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

PAUSED = "coalesce(state, '') = 'paused' AND held_for IS NOT NULL"
OF_A_PROGRAM = ("ix_mailings_program_id_id", "mailings", ["program_id", "id"])
EMAILS, OF_ALL_KINDS = "program_id IS NOT NULL AND kind = 'shared'", "program_id IS NOT NULL"

PARTIAL = (
    ("ix_mailings_held", "mailings", ["id"], f"{PAUSED} AND held_for <> coalesce(tripped_for, '')"),
    ("ix_mailings_tripped", "mailings", ["id"], f"{PAUSED} AND held_for = coalesce(tripped_for, '')"),
    ("ix_mailings_user_id", "mailings", ["user_id"], "user_id IS NOT NULL"),
    ("ix_reports_mailing_id_id", "reports", ["mailing_id", "id"], "mailing_id IS NOT NULL"),
)
CALLS = ("ix_webhook_calls_endpoint_id_state_id", "webhook_calls", ["endpoint_id", "state", "id"])


def upgrade() -> None:
    _replace(EMAILS)
    for name, table, columns, condition in PARTIAL:
        _create(name, table, columns, condition)
    op.create_index(*CALLS)
    op.create_table(
        "mailing_sums",
        sa.Column(
            "block", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("sums", sa.JSON(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("counted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("block", name="pk_mailing_sums"),
    )


def downgrade() -> None:
    op.drop_table("mailing_sums")
    op.drop_index(CALLS[0], CALLS[1])
    for name, table, _, _ in PARTIAL:
        op.drop_index(name, table)
    _replace(OF_ALL_KINDS)


def _replace(condition: str) -> None:
    op.drop_index(OF_A_PROGRAM[0], OF_A_PROGRAM[1])
    _create(*OF_A_PROGRAM, condition)


def _create(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
