"""a mail that is sent as usual leaves all indexes alone: what people look for stands in columns of its own"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"

UNUSUAL = "state <> 'queued' AND state <> 'sending' AND state <> 'sent'"
TROUBLED = ["mailing_id", "trouble", "id"], "trouble IS NOT NULL"
WATCHED = (
    ["trouble", "troubled_at", "id"],
    "(trouble = 'deferred' OR trouble = 'unknown' OR trouble = 'failed' OR trouble = 'bounced' "
    "OR trouble = 'expired')",
)
TROUBLED_BEFORE = ["mailing_id", "state", "id"], UNUSUAL
WATCHED_BEFORE = (
    ["state", "updated_at", "id"],
    "(state = 'deferred' OR state = 'unknown' OR state = 'failed' OR state = 'bounced' OR state = 'expired')",
)


def upgrade() -> None:
    # Both databases add a column in place. What is unusual is found by an index, and written anew.
    op.add_column("deliveries", sa.Column("trouble", sa.String(10), nullable=True))
    op.add_column("deliveries", sa.Column("troubled_at", sa.BigInteger(), nullable=True))
    op.execute(f"UPDATE deliveries SET trouble = state, troubled_at = updated_at WHERE {UNUSUAL}")
    _drop()
    _create(TROUBLED, WATCHED)


def downgrade() -> None:
    _drop()
    op.drop_column("deliveries", "troubled_at")
    op.drop_column("deliveries", "trouble")
    _create(TROUBLED_BEFORE, WATCHED_BEFORE)


def _drop() -> None:
    for name in ("troubled", "watched"):
        op.drop_index(f"ix_deliveries_{name}", "deliveries")


def _create(troubled: tuple[list[str], str], watched: tuple[list[str], str]) -> None:
    for name, (columns, condition) in (("troubled", troubled), ("watched", watched)):
        where = sa.text(condition)
        op.create_index(
            f"ix_deliveries_{name}", "deliveries", columns, sqlite_where=where, postgresql_where=where
        )
