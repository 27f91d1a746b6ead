"""/metrics for Prometheus: what the ledger and the queue hold now.

Everything is read when asked for, so that several web processes say the same. Open to
people who are signed in and to API keys with the scope `read`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import structlog
from flask import Blueprint, Response, copy_current_request_context
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from mailroom import __version__
from mailroom.database.together import Together
from mailroom.engine import neighbours
from mailroom.ledger import holding, states
from mailroom.ledger.people import api_keys
from mailroom.ledger.totals import totals
from mailroom.queue import BULK, URGENT, QueueDown
from mailroom.smtp.server import configured
from mailroom.supervision import cause
from mailroom.web import Mailroom, mailroom
from mailroom.web.api import bearer
from mailroom.web.api.errors import ApiError
from mailroom.web.request import schema
from mailroom.web.request.gate import current
from mailroom.web.status.checks import within

log = structlog.get_logger()

blueprint = Blueprint("metrics", __name__)

METRICS_PATIENCE_SECONDS = 2.0
"""Seconds for finding out who asks, and as long again for the figures: Prometheus waits for ten."""

STAGES = ("connect", "mail", "rcpt", "data", "dot")


@blueprint.get("/metrics")
def metrics() -> Response:
    """Text for Prometheus; 401 or 403 and a sentence for strangers; 503 when nobody can tell who asks."""
    found = within(METRICS_PATIENCE_SECONDS, {"refusal": copy_current_request_context(_refusal)})
    refusal = found.get("refusal", _unknown(f"did not answer within {METRICS_PATIENCE_SECONDS:.0f} s"))
    if refusal is not None:
        return refusal
    registry = CollectorRegistry()
    registry.register(Now(mailroom()))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _refusal() -> Response | None:
    """None: who asks may see them."""
    try:
        if misfit := schema.check():
            return misfit
        if current() is None:
            bearer.require(bearer.authenticate(), api_keys.READ)
    except ApiError as error:
        return Response(f"{error.message}\n", error.status, error.headers, mimetype="text/plain")
    except SQLAlchemyError as error:
        return _unknown(cause(error))
    return None


def _unknown(why: str) -> Response:
    words = f"The ledger cannot be asked who you are: {why}.\n"
    return Response(words, 503, {"Retry-After": "5"}, mimetype="text/plain")


class Now(Collector):
    """The state of a Mailroom at the moment of asking; what does not answer in time is told to be down."""

    def __init__(self, mailroom: Mailroom) -> None:
        self._mailroom = mailroom

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("mailroom_build", "Which Mailroom this is.", {"version": __version__})
        asked = {"ledger": lambda: list(self._ledger()), "queue": lambda: list(self._queue())}
        found = within(METRICS_PATIENCE_SECONDS, asked)
        yield _one("ledger_up", "Whether the ledger answers.", int(bool(found.get("ledger"))))
        yield from found.get("ledger", [])
        yield _one("queue_up", "Whether Redis answers.", int(bool(found.get("queue"))))
        yield from found.get("queue", [])

    def _ledger(self) -> Iterator[Metric]:
        try:
            yield from self._totals()
        except SQLAlchemyError as error:
            log.error("the ledger cannot be used", reason=cause(error))

    def _totals(self) -> Iterator[Metric]:
        settings = self._mailroom.settings
        with self._mailroom.database.read_at_once() as connection:
            reads = Together(connection)
            asked, hold = reads.ask(totals, configured(settings)), reads.ask(holding.present, settings.hold)
            found, is_held = asked(), hold() is not None
        yield _one("sending_held", "Whether mail is accepted and none is sent.", int(is_held))
        yield _by("mailings", "Mailings by state.", "state", found.mailings, states.MAILING_STATES)
        yield _by("deliveries", "Deliveries outside batches, by state.", "state", found.deliveries)
        yield _one("deliveries_in_batches", "Deliveries that are in a batch now.", found.in_batches)
        yield _one("servers_in_trouble", "Mail servers that cannot be used.", found.servers_in_trouble)
        yield _one(
            "mailings_held", "Mailings that workers paused, or that paused themselves.", found.mailings_held
        )
        yield _one("complaints", "Deliveries whose recipients called them spam.", found.complained)
        yield _one(
            "unmatched_reports", "What came back and is of no mail, as it is kept.", found.unmatched_reports
        )
        yield _by(
            "parked_sessions", "Sessions that wait for a server.", "stage", found.parked_sessions, STAGES
        )
        if found.swept_ms_ago is not None and found.round_ms is not None:
            yield _one(
                "sweeper_age_seconds", "Since the sweeper's last round began.", found.swept_ms_ago / 1000
            )
            yield _one("sweeper_round_seconds", "What that round took.", found.round_ms / 1000)

    def _queue(self) -> Iterator[Metric]:
        queue = self._mailroom.queue
        try:
            waiting = {name: queue.waiting(name) for name in (URGENT, BULK)}
            workers = len(neighbours.workers(self._mailroom.database, queue).ours)
        except QueueDown:
            return
        yield _by("queue_batches", "Batches that wait for a worker.", "queue", waiting)
        yield _one("workers", "Workers that are running.", workers)


def _one(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"mailroom_{name}", text, value=value)


def _by(
    name: str, text: str, label: str, values: Mapping[Any, int], labels: Sequence[str] = ()
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"mailroom_{name}", text, labels=[label])
    for key in dict.fromkeys([*labels, *values]):
        family.add_metric([key], values.get(key, 0))
    return family
