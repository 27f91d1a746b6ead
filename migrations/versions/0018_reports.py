"""what is said of a mail after the relay's 250 is kept, and counted by mailing and by address"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
HAS_OWN_ID = sa.text("message_id IS NOT NULL")
WATCHED_BEFORE = sa.text("(state = 'deferred' OR state = 'unknown' OR state = 'failed' OR state = 'expired')")
WATCHED = sa.text(
    "(state = 'deferred' OR state = 'unknown' OR state = 'failed' OR state = 'bounced' OR state = 'expired')"
)


def upgrade() -> None:
    # Both databases add a column with a constant in place, however many rows there are.
    for name in ("bounced", "complained"):
        op.add_column("mailings", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    op.add_column("mailings", sa.Column("tripped_for", sa.Text(), nullable=True))
    op.add_column("deliveries", sa.Column("complained_at", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_mailings_message_id",
        "mailings",
        ["message_id"],
        postgresql_using="hash",
        sqlite_where=HAS_OWN_ID,
        postgresql_where=HAS_OWN_ID,
    )
    _watch(WATCHED)
    op.create_table(
        "reports",
        sa.Column("id", ID, primary_key=True),
        sa.Column("key", sa.String(64), nullable=False, unique=True),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("way", sa.String(20), nullable=False),
        sa.Column("delivery_id", ID, sa.ForeignKey("deliveries.id", ondelete="CASCADE")),
        sa.Column("mailing_id", ID),
        sa.Column("address", sa.String(320), nullable=False),
        sa.Column("at", sa.BigInteger()),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.SmallInteger()),
        sa.Column("status", sa.String(11), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("reporter", sa.String(255), nullable=False),
        sa.Column("is_transient", sa.Boolean(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("unmatched", sa.String(200), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("taken_at", sa.BigInteger()),
        sa.Column("taken_with", sa.Text()),
        sqlite_autoincrement=True,
    )
    _index("ix_reports_delivery_id", ["delivery_id"], "delivery_id IS NOT NULL")
    _index("ix_reports_mailing_id_kind", ["mailing_id", "kind"], "mailing_id IS NOT NULL")
    _index("ix_reports_unmatched", ["id"], "unmatched <> ''")
    _index("ix_reports_open", ["id"], "is_open")
    op.create_table(
        "strikes",
        sa.Column("address_key", sa.String(320), primary_key=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("strikes")
    op.drop_table("reports")
    # An older Mailroom knows no such state: the relay had taken it.
    op.execute("UPDATE mailings SET sent = sent + bounced WHERE bounced > 0")
    op.execute("UPDATE deliveries SET state = 'sent' WHERE state = 'bounced'")
    _watch(WATCHED_BEFORE)
    op.drop_index("ix_mailings_message_id", "mailings")
    op.drop_column("deliveries", "complained_at")
    for name in ("tripped_for", "complained", "bounced"):
        op.drop_column("mailings", name)


def _watch(states: sa.TextClause) -> None:
    op.drop_index("ix_deliveries_watched", "deliveries")
    op.create_index(
        "ix_deliveries_watched",
        "deliveries",
        ["state", "updated_at", "id"],
        sqlite_where=states,
        postgresql_where=states,
    )


def _index(name: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, "reports", columns, sqlite_where=condition, postgresql_where=condition)
