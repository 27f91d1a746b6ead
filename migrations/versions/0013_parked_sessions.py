"""the sessions that wait for a silent server, for people to see"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "parked_sessions",
        sa.Column("worker", sa.String(100), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("server", sa.String(300), nullable=False),
        sa.Column("stage", sa.String(10), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("noted_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("worker", "number", name=op.f("pk_parked_sessions")),
    )


def downgrade() -> None:
    op.drop_table("parked_sessions")
