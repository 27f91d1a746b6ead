"""`comes`: what comes back to a ledger that stands on each database in turn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mailroom.database.engine import Database
from tests.feedback.comes import Comes


@pytest.fixture
def comes(database: Database) -> Iterator[Comes]:
    comes = Comes(database)
    yield comes
    comes.book.check()
