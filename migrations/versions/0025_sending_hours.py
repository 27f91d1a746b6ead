"""a mailing may have sending hours"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.add_column("mailings", sa.Column("hours", sa.String(120), nullable=True))
    op.add_column("mailings", sa.Column("closes_at", sa.BigInteger(), nullable=True))
    where = sa.text("closes_at IS NOT NULL AND ended_at IS NULL")
    op.create_index(
        "ix_mailings_closes_at", "mailings", ["closes_at"], sqlite_where=where, postgresql_where=where
    )


def downgrade() -> None:
    # An older Mailroom sends at any hour: what waits for its hours is paused, and a person decides.
    op.execute(
        "UPDATE mailings SET state = 'paused' WHERE hours IS NOT NULL AND ended_at IS NULL"
        " AND state IN ('active', 'scheduled')"
    )
    op.drop_index("ix_mailings_closes_at", "mailings")
    for name in ("closes_at", "hours"):
        op.drop_column("mailings", name)
