"""Forecast: when a mailing would be done, by the rate that is set and by what went through lately."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection

from mailroom.database import clock
from mailroom.database.clock import from_millis
from mailroom.database.together import Together
from mailroom.engine.accept.waits import Waits
from mailroom.ledger.deliveries import throughput
from mailroom.ledger.relays import rates
from mailroom.smtp.server import Server

FEW_SENT = 20
"""Mails of the last hour that say nothing of how fast it can go."""


class Forecast(NamedTuple):
    """`per_second`: of mails. `waits_for_a_click`: longer, by as long as nobody lets the others go."""

    per_second: float
    done_at: datetime
    lasts_ms: float
    waits_for_a_click: bool


def forecast(connection: Connection, server: Server, number: int, waits: Waits) -> Forecast | None:
    """Of a mailing that is sent now. None: nothing is known of how fast it goes."""
    reads = Together(connection)
    pace, clock_now = reads.ask(rates.interval_us, server.name), reads.ask(clock.now)
    sent, interval = reads.ask(throughput.last_hour)(), pace()
    found = [1_000_000 / interval] if interval else []
    if sent.total >= FEW_SENT:
        found.append(max(sent.minutes) * 1_000 / throughput.MINUTE_MS)
    if not found:
        return None
    per_second, now = min(found), from_millis(clock_now())
    lasts = timedelta(seconds=waits.lasts(number, per_second))
    lasts_ms = lasts / timedelta(milliseconds=1)
    return Forecast(per_second, now + lasts, lasts_ms, waits.is_for_a_click(number))
