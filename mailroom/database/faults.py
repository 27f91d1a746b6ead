"""Faults of the database: what it, and not we, must be blamed for when a statement fails.

All of them are OperationalError here, whatever the driver calls them, so that whoever waits for a ledger
that is away waits for one that may only be read as well.
"""

from __future__ import annotations

from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError

LEDGER_AWAY = (OperationalError, InterfaceError, TimeoutError)
"""What is raised when the ledger is away, locked, full, or lets us do nothing: nothing was written then."""

ITS_OWN = {
    # A standby, or default_transaction_read_only; a transaction that stood still; a right that was taken.
    "InternalError": "OperationalError",
    "InsufficientPrivilege": "OperationalError",
}
"""Names of the driver's errors, by SQLAlchemy's."""
