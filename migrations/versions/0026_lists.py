"""recipients that are kept, and what they consented to"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import mailroom.database.clock

revision = "0026"
down_revision = "0025"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "lists",
        sa.Column("id", ID, nullable=False),
        sa.Column("uid", sa.String(length=36), nullable=False),
        sa.Column("program_id", ID, server_default="0", nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("list_name", sa.String(length=60), nullable=False),
        sa.Column("is_shared", sa.Boolean(), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("total", sa.Integer(), server_default="0", nullable=False),
        sa.Column("import_owner", sa.String(length=36), nullable=True),
        sa.Column("importing_until", sa.BigInteger(), nullable=True),
        sa.Column("created_at", mailroom.database.clock.UtcTime(), nullable=False),
        sa.Column("updated_at", mailroom.database.clock.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_lists_user_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lists")),
        sa.UniqueConstraint("uid", name=op.f("uq_lists_uid")),
        sa.UniqueConstraint("program_id", "list_name", name=op.f("uq_lists_program_id_list_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "list_members",
        sa.Column("id", ID, nullable=False),
        sa.Column("list_id", ID, nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("address_key", sa.String(length=320), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("variables", sa.JSON(), nullable=False),
        sa.Column("words", sa.Text(), server_default="", nullable=False),
        sa.Column("consent_given", sa.Boolean(), nullable=True),
        sa.Column("consent_at", sa.BigInteger(), nullable=True),
        sa.Column("consent_how", sa.Text(), server_default="", nullable=False),
        sa.Column("consent_evidence", sa.Text(), server_default="", nullable=False),
        sa.Column("consent_noted_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["list_id"], ["lists.id"], name=op.f("fk_list_members_list_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_members")),
        sa.UniqueConstraint("address_key", "list_id", name=op.f("uq_list_members_address_key_list_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_list_members_list_id_id", "list_members", ["list_id", "id"])
    op.create_table(
        "consent_facts",
        sa.Column("id", ID, nullable=False),
        sa.Column("member_id", ID, nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("noted_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["member_id"], ["list_members.id"], name=op.f("fk_consent_facts_member_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_facts")),
    )
    op.create_index(op.f("ix_consent_facts_member_id"), "consent_facts", ["member_id"])


def downgrade() -> None:
    op.drop_table("consent_facts")
    op.drop_table("list_members")
    op.drop_table("lists")
