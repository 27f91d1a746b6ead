"""the index of addresses is written where the newest deliveries are, not all over it"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    # One reading of `deliveries`, in its order: some fifteen seconds for ten millions.
    op.drop_index("ix_deliveries_address_key", "deliveries")
    op.create_index("ix_deliveries_address", "deliveries", [sa.text("(id >> 15)"), "address_key"])


def downgrade() -> None:
    op.drop_index("ix_deliveries_address", "deliveries")
    op.create_index("ix_deliveries_address_key", "deliveries", ["address_key"])
