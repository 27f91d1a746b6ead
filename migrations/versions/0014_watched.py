"""what needs a person is found without reading all, and a try names its batch, for the page of its job"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WATCHED = sa.text("(state = 'deferred' OR state = 'unknown' OR state = 'failed' OR state = 'expired')")
TRIED_IN_ONE = sa.text("batch_id IS NOT NULL")


def upgrade() -> None:
    # The column is added in place. The index costs one reading of `deliveries`: some ten seconds for ten
    # millions.
    op.add_column("attempts", sa.Column("batch_id", ID, nullable=True))
    op.create_index(
        "ix_attempts_batch_id",
        "attempts",
        ["batch_id"],
        sqlite_where=TRIED_IN_ONE,
        postgresql_where=TRIED_IN_ONE,
    )
    op.create_index(
        "ix_deliveries_watched",
        "deliveries",
        ["state", "updated_at", "id"],
        sqlite_where=WATCHED,
        postgresql_where=WATCHED,
    )
    op.create_table(
        "turns",
        sa.Column("batch_id", ID, primary_key=True, autoincrement=False),
        sa.Column("job_batch_id", ID, nullable=False),
    )
    op.create_index("ix_turns_job_batch_id", "turns", ["job_batch_id"])


def downgrade() -> None:
    op.drop_table("turns")
    op.drop_index("ix_deliveries_watched", "deliveries")
    op.drop_index("ix_attempts_batch_id", "attempts")
    op.drop_column("attempts", "batch_id")
