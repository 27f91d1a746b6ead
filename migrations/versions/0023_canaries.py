"""the first recipients of a mailing may go before the others, which wait for a time or for somebody"""

from __future__ import annotations

import time

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.add_column("mailings", sa.Column("canary", sa.Integer(), nullable=True))
    op.add_column("mailings", sa.Column("release_at", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    # An older Mailroom holds nobody back: where somebody waits it is paused, and a person decides.
    waits = sa.text(
        "UPDATE mailings SET state = 'paused' WHERE canary IS NOT NULL AND ended_at IS NULL"
        " AND (release_at IS NULL OR release_at > :now) AND state IN ('active', 'scheduled')"
    )
    op.execute(waits.bindparams(now=round(time.time() * 1000)))
    for name in ("release_at", "canary"):
        op.drop_column("mailings", name)
