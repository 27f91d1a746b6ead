"""what a worker had in hand when it died: only that is suspect, and only a death alone counts"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    # Both databases add columns in place, however many rows there are.
    op.add_column("batches", sa.Column("in_hand", sa.Boolean(), nullable=True))
    op.add_column(
        "deliveries", sa.Column("deaths_alone", sa.SmallInteger(), nullable=False, server_default="0")
    )


def downgrade() -> None:
    op.drop_column("deliveries", "deaths_alone")
    op.drop_column("batches", "in_hand")
