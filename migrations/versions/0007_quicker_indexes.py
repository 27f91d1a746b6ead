"""what is due is found in its order; which deliveries are troubled is told at a glance"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

DUE = sa.text("due_at IS NOT NULL")
TROUBLED = sa.text("state <> 'queued' AND state <> 'sending' AND state <> 'sent'")
TROUBLED_BEFORE = sa.text("state IN ('deferred', 'unknown', 'failed', 'suppressed', 'canceled', 'expired')")


def upgrade() -> None:
    _replace("ix_deliveries_due", ["mailing_id", "due_at", "id"], DUE)
    _replace("ix_deliveries_troubled", ["mailing_id", "state", "id"], TROUBLED)


def downgrade() -> None:
    _replace("ix_deliveries_due", ["mailing_id", "due_at"], DUE)
    _replace("ix_deliveries_troubled", ["mailing_id", "state", "id"], TROUBLED_BEFORE)


def _replace(name: str, columns: list[str], where: sa.TextClause) -> None:
    op.drop_index(name, "deliveries")
    op.create_index(name, "deliveries", columns, sqlite_where=where, postgresql_where=where)
