"""whose a mailing is: the program whose key handed it in

Mailings from before belong to nobody, and only keys with `admin` reach them; except those that an
idempotency key names, of the last day: their program may still ask for them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OWNED = sa.text("program_id IS NOT NULL")


def upgrade() -> None:
    # Both databases add an empty column in place. The index has no rows yet: it costs one reading of
    # `mailings`, not of their deliveries.
    op.add_column("api_keys", sa.Column("program_id", ID, nullable=True))
    op.add_column("mailings", sa.Column("program_id", ID, nullable=True))
    op.create_index(
        "ix_mailings_program_id_id",
        "mailings",
        ["program_id", "id"],
        sqlite_where=OWNED,
        postgresql_where=OWNED,
    )
    op.execute(
        "UPDATE mailings SET program_id = CAST(substr(used.scope, 5) AS BIGINT) FROM idempotency_keys AS used"
        " WHERE used.mailing_id = mailings.id AND used.scope LIKE 'key:%'"
    )


def downgrade() -> None:
    op.drop_index("ix_mailings_program_id_id", "mailings", sqlite_where=OWNED, postgresql_where=OWNED)
    op.drop_column("mailings", "program_id")
    op.drop_column("api_keys", "program_id")
