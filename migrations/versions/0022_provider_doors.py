"""providers of mail have a door each, by which they tell what became of it"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "provider_doors",
        sa.Column("provider", sa.String(20), primary_key=True),
        sa.Column("path", sa.String(64), nullable=False, unique=True),
        sa.Column("keys", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_at", sa.BigInteger()),
    )
    op.create_table(
        "provider_refusals",
        sa.Column("id", ID, primary_key=True),
        sa.Column("provider", sa.String(20), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
    )
    op.create_index("ix_provider_refusals_provider_id", "provider_refusals", ["provider", "id"])
    op.create_table(
        "provider_tokens",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("said", sa.String(64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_provider_tokens_at", "provider_tokens", ["at"])


def downgrade() -> None:
    for name in ("provider_tokens", "provider_refusals", "provider_doors"):
        op.drop_table(name)
