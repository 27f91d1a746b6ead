"""why workers paused a mailing, the Date that a mail bears, which rate is set and which was refused"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

COLUMNS = (
    ("mailings", "held_for", sa.Text()),
    ("deliveries", "dated_at", sa.BigInteger()),
    ("throttles", "set_us", sa.BigInteger()),
    ("throttles", "refused_us", sa.BigInteger()),
)


def upgrade() -> None:
    # Both databases add an empty column in place, whatever the size of the table.
    for table, name, kind in COLUMNS:
        op.add_column(table, sa.Column(name, kind, nullable=True))
    op.execute("UPDATE throttles SET set_us = interval_us WHERE updated_at = 0")


def downgrade() -> None:
    for table, name, _ in reversed(COLUMNS):
        op.drop_column(table, name)
