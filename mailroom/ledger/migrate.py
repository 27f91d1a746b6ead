"""Brings a ledger to its newest migration."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config

from mailroom.database.engine import normalized_url

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


def alembic_config(database_url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["database_url"] = normalized_url(database_url)
    return config


def upgrade(database_url: str, revision: str = "head") -> None:
    """Creates what is missing; harmless when nothing is. SQLite's folder must exist."""
    command.upgrade(alembic_config(database_url), revision)
