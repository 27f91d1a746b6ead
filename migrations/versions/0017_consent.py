"""a mailing has a purpose, a suppression a scope, and links of unsubscribing are sealed by a ring of keys

Mailings from before are transactional, suppressions from before hold for all mail: both go on as they did.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KEY = ["address_key", "sender", "list_name"]


def upgrade() -> None:
    # Both databases add a column with a constant in place, however many rows there are.
    op.add_column(
        "mailings", sa.Column("purpose", sa.String(13), nullable=False, server_default="transactional")
    )
    op.add_column("mailings", sa.Column("list_name", sa.String(60), nullable=False, server_default=""))
    link_keys = op.create_table(
        "link_keys",
        sa.Column("id", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("secret", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
    )
    op.bulk_insert(link_keys, [{"id": 1, "secret": secrets.token_hex(32), "created_at": 0}])
    _key_suppressions_by(
        KEY,
        add=[
            sa.Column("sender", sa.String(320), nullable=False, server_default=""),
            sa.Column("list_name", sa.String(60), nullable=False, server_default=""),
            sa.Column("mailing_id", ID, nullable=True),
            sa.Column("delivery_id", ID, nullable=True),
            sa.Column("evidence", sa.Text(), nullable=False, server_default=""),
        ],
    )


def downgrade() -> None:
    # Who wanted less mail gets none: an older Mailroom knows nothing between.
    op.execute(
        "INSERT INTO suppressions (address_key, sender, list_name, reason, note, created_at)"
        " SELECT address_key, '', '', min(reason), min(note), min(created_at) FROM suppressions AS scoped"
        " WHERE NOT EXISTS (SELECT 1 FROM suppressions AS whole"
        " WHERE whole.address_key = scoped.address_key AND whole.sender = '') GROUP BY address_key"
    )
    op.execute("DELETE FROM suppressions WHERE sender <> ''")
    _key_suppressions_by(["address_key"], drop=[*KEY[1:], "mailing_id", "delivery_id", "evidence"])
    op.drop_table("link_keys")
    op.drop_column("mailings", "list_name")
    op.drop_column("mailings", "purpose")


def _key_suppressions_by(
    columns: list[str], add: Sequence[sa.Column[object]] = (), drop: Sequence[str] = ()
) -> None:
    """SQLite writes the table anew for it, which takes some seconds for a million addresses."""
    with op.batch_alter_table("suppressions") as batch:
        for column in add:
            batch.add_column(column)
        batch.drop_constraint("pk_suppressions", type_="primary")
        batch.create_primary_key("pk_suppressions", columns)
        for name in drop:
            batch.drop_column(name)
