"""Keys of rows: whole numbers that the database gives."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Integer

# SQLite gives rowids (fast, never reused with AUTOINCREMENT) to INTEGER keys only.
Id = BigInteger().with_variant(Integer, "sqlite")

NEVER_REUSED: dict[str, Any] = {"sqlite_autoincrement": True}
"""For a table whose ids stand elsewhere too: that of a row which is gone never comes again."""
