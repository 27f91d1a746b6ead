"""the first recipients of a mailing may go before the others, which wait for a time or for somebody"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.add_column("mailings", sa.Column("canary", sa.Integer(), nullable=True))
    op.add_column("mailings", sa.Column("release_at", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    # An older Mailroom holds nobody back: what waits for somebody is paused, and a person decides.
    op.execute(
        "UPDATE mailings SET state = 'paused' WHERE canary IS NOT NULL AND ended_at IS NULL"
        " AND release_at IS NULL AND state IN ('active', 'scheduled')"
    )
    for name in ("release_at", "canary"):
        op.drop_column("mailings", name)
