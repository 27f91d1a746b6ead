"""Deliveries as lines of a CSV file that a spreadsheet opens without running anything."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC

from mailroom.content.formulas import harmless
from mailroom.engine.letterhead import message_id_of
from mailroom.ledger.deliveries.deliveries import Delivery
from mailroom.ledger.mailings.mailings import Mailing

DELIVERIES_CSV_HEADER = ("address", "name", "state", "attempts", "code", "reply", "message_id", "updated_at")


def line(cells: Sequence[str]) -> str:
    """One line of the file, its line end included."""
    out = io.StringIO()
    csv.writer(out).writerow([harmless(cell) for cell in cells])
    return out.getvalue()


def row_of(mailing: Mailing, delivery: Delivery) -> tuple[str, ...]:
    return (
        delivery.address,
        delivery.name,
        delivery.state,
        str(delivery.attempts),
        "" if delivery.code is None else str(delivery.code),
        delivery.reply or "",
        message_id_of(mailing, delivery.id),
        delivery.updated_at.astimezone(UTC).isoformat(timespec="milliseconds"),
    )
