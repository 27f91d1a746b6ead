"""a mailing says how long an unknown delivery of it waits for evidence, under the policy of that name"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.add_column("mailings", sa.Column("evidence_ms", sa.Integer(), nullable=True))


def downgrade() -> None:
    # An older Mailroom knows no such policy: a person decides, and nobody gets it twice.
    op.execute("UPDATE mailings SET if_unknown = 'hold' WHERE if_unknown = 'evidence'")
    op.drop_column("mailings", "evidence_ms")
