"""whole messages, mailed as they came"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("mailings", sa.Column("message_id", sa.Text(), nullable=True))
    op.create_table(
        "originals",
        sa.Column("mailing_id", ID, nullable=False),
        sa.Column("envelope_sender", sa.String(length=320), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["mailing_id"], ["mailings.id"], name=op.f("fk_originals_mailing_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("mailing_id", name=op.f("pk_originals")),
    )


def downgrade() -> None:
    op.drop_table("originals")
    op.drop_column("mailings", "message_id")
