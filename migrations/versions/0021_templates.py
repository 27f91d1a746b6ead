"""stored templates, and every version of them that was published"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import mailroom.database.clock

revision = "0021"
down_revision = "0020"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "templates",
        sa.Column("id", ID, nullable=False),
        sa.Column("uid", sa.String(length=36), nullable=False),
        sa.Column("program_id", ID, server_default="0", nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("alias", sa.String(length=100), nullable=True),
        sa.Column("letter", sa.JSON(), nullable=False),
        sa.Column("is_changed", sa.Boolean(), nullable=False),
        sa.Column("published", sa.Integer(), nullable=True),
        sa.Column("published_at", mailroom.database.clock.UtcTime(), nullable=True),
        sa.Column("created_at", mailroom.database.clock.UtcTime(), nullable=False),
        sa.Column("updated_at", mailroom.database.clock.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_templates_user_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_templates")),
        sa.UniqueConstraint("uid", name=op.f("uq_templates_uid")),
        sa.UniqueConstraint("program_id", "alias", name=op.f("uq_templates_program_id_alias")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "template_versions",
        sa.Column("template_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.String(length=36), nullable=False),
        sa.Column("letter", sa.JSON(), nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("published_at", mailroom.database.clock.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["template_id"],
            ["templates.id"],
            name=op.f("fk_template_versions_template_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_template_versions_user_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("template_id", "number", name=op.f("pk_template_versions")),
    )


def downgrade() -> None:
    op.drop_table("template_versions")
    op.drop_table("templates")
