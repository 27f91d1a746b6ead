"""`book`: as in the tests of the ledger."""

from __future__ import annotations

from tests.ledger.conftest import book as book
