"""old idempotency keys are found by their age"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

NAME = "ix_idempotency_keys_created_at"


def upgrade() -> None:
    op.create_index(NAME, "idempotency_keys", ["created_at"])


def downgrade() -> None:
    op.drop_index(NAME, "idempotency_keys")
