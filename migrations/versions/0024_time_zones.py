"""a person has a time zone"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.add_column("users", sa.Column("zone", sa.String(64), nullable=True))


def downgrade() -> None:
    op.drop_column("users", "zone")
