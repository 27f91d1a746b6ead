"""A report as programs are told it: the values of results.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailroom.engine.results.domains import DomainFigures, Spread
from mailroom.ledger.states import State
from mailroom.web.api.answers.shown import instant
from mailroom.web.results.told import TIMES_IN_FILE, Told

DOMAINS_OF_A_REASON = 10


def report(told: Told) -> dict[str, Any]:
    """A results.ReportAnswer."""
    results, mailing = told.results, told.mailing
    return {
        "object": "report",
        "id": mailing.uid,
        "number": mailing.id,
        "state": mailing.state,
        "is_live": told.is_live,
        "figures": [{"name": one.name, "number": one.number, "share": one.share} for one in told.figures],
        "first_handed_over_at": instant(told.first_at),
        "last_handed_over_at": instant(told.last_at),
        "per_second": told.per_second,
        **_spread(results.domains.took),
        "reasons": [
            {
                "code": one.code,
                "status": one.status,
                "words": one.words,
                "number": one.number,
                "counts": _counts(one.counts),
                "example": one.example,
                "domains": [
                    {"domain": domain, "number": number}
                    for domain, number in one.domains.most_common(DOMAINS_OF_A_REASON)
                ],
            }
            for one in results.reasons.told
        ],
        "other_reasons": results.reasons.others,
        "domains": [_domain(one) for one in results.domains.largest],
        "number_of_domains": results.domains.number,
        "slowest_domains": [_domain(one) for one in results.domains.slowest],
        "course": [
            {"at": instant(told.at(step.after_ms)), "counts": _counts(step.counts)}
            for step in told.course(TIMES_IN_FILE)
        ],
        "returned": [
            {
                "at": instant(told.at(one.after_ms)),
                "bounced": one.bounced,
                "complained": one.complained,
            }
            for one in told.returns(TIMES_IN_FILE)
        ],
    }


def _domain(one: DomainFigures) -> dict[str, Any]:
    return {
        "domain": one.domain,
        "number": one.total,
        "counts": _counts(one.counts),
        "deferred": one.deferred,
        "tries": one.tries,
        "most_tries": one.most_tries,
        **_spread(one.took),
    }


def _spread(spread: Spread | None) -> dict[str, int | None]:
    return {"median_ms": None, "p95_ms": None} if spread is None else spread._asdict()


def _counts(counts: Mapping[State, int]) -> dict[str, int]:
    return {state.value: number for state, number in counts.items() if number}
