"""a clock that was set is seen by the uptime of the machines"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("sweeper", sa.Column("set_ms", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_table(
        "uptimes",
        sa.Column("boot", sa.String(100), primary_key=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("awake_ms", sa.BigInteger(), nullable=False),
        sa.Column("up_ms", sa.BigInteger(), nullable=False),
        sa.Column("set_ms", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("uptimes")
    op.drop_column("sweeper", "set_ms")
