"""a mailing is staged under a lease: until when its acceptance counts as alive"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    # Both databases add an empty column in place.
    op.add_column("mailings", sa.Column("staged_until", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("mailings", "staged_until")
