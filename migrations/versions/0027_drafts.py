"""drafts of mailings, with their versions"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import mailroom.database.clock

revision = "0027"
down_revision = "0026"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "drafts",
        sa.Column("id", ID, nullable=False),
        sa.Column("uid", sa.String(length=36), nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("program_id", ID, nullable=True),
        sa.Column("changed_by", ID, nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("recipients", sa.Integer(), nullable=True),
        sa.Column("form", sa.JSON(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("writer", sa.String(length=64), nullable=False),
        sa.Column("writes", sa.Integer(), nullable=False),
        sa.Column("octets", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("version_at", mailroom.database.clock.UtcTime(), nullable=True),
        sa.Column("is_changed", sa.Boolean(), nullable=False),
        sa.Column("mailing_id", ID, nullable=True),
        sa.Column("created_at", mailroom.database.clock.UtcTime(), nullable=False),
        sa.Column("updated_at", mailroom.database.clock.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_drafts_user_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["changed_by"], ["users.id"], name=op.f("fk_drafts_changed_by"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["mailing_id"], ["mailings.id"], name=op.f("fk_drafts_mailing_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drafts")),
        sa.UniqueConstraint("uid", name=op.f("uq_drafts_uid")),
        sqlite_autoincrement=True,
    )
    for name in ("user_id", "program_id"):
        op.create_index(op.f(f"ix_drafts_{name}"), "drafts", [name])
    for name, columns, where in (
        ("ix_drafts_not_sent", ["updated_at", "id"], "mailing_id IS NULL"),
        ("ix_drafts_mailing_id", ["mailing_id"], "mailing_id IS NOT NULL"),
    ):
        condition = sa.text(where)
        op.create_index(name, "drafts", columns, sqlite_where=condition, postgresql_where=condition)
    op.create_table(
        "draft_versions",
        sa.Column("draft_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("form", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(length=10), nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("at", mailroom.database.clock.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["draft_id"], ["drafts.id"], name=op.f("fk_draft_versions_draft_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_draft_versions_user_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("draft_id", "number", name=op.f("pk_draft_versions")),
    )
    op.create_table(
        "draft_blobs",
        sa.Column("id", ID, nullable=False),
        sa.Column("draft_id", ID, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["draft_id"], ["drafts.id"], name=op.f("fk_draft_blobs_draft_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_draft_blobs")),
        sa.UniqueConstraint("draft_id", "digest", name=op.f("uq_draft_blobs_draft_id_digest")),
    )


def downgrade() -> None:
    for name in ("draft_blobs", "draft_versions", "drafts"):
        op.drop_table(name)
