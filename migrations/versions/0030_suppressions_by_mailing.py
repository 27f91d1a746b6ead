"""a mailing's report counts who unsubscribed from it by an index"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"

HAS_MAILING = sa.text("mailing_id IS NOT NULL")


def upgrade() -> None:
    op.create_index(
        "ix_suppressions_mailing_id",
        "suppressions",
        ["mailing_id"],
        sqlite_where=HAS_MAILING,
        postgresql_where=HAS_MAILING,
    )


def downgrade() -> None:
    op.drop_index("ix_suppressions_mailing_id", "suppressions")
