"""a ledger is told from any other, whose workers may listen to the same queues"""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    identity = op.create_table(
        "identity",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(32), nullable=False),
    )
    op.bulk_insert(identity, [{"id": 1, "name": secrets.token_hex(16)}])


def downgrade() -> None:
    op.drop_table("identity")
