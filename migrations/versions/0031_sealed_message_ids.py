"""a mailing has a secret that seals the Message-IDs of its deliveries"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    # What was accepted before keeps the names under which its mails may have left already.
    op.add_column("mailings", sa.Column("id_secret", sa.String(32), nullable=True))


def downgrade() -> None:
    op.drop_column("mailings", "id_secret")
