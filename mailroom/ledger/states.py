"""All states and every move between them: the one table that code, pages and docs share."""

from __future__ import annotations

from typing import NamedTuple

QUEUED, SENDING, DEFERRED, UNKNOWN = "queued", "sending", "deferred", "unknown"
SENT, FAILED, SUPPRESSED, CANCELED, EXPIRED = "sent", "failed", "suppressed", "canceled", "expired"

DELIVERY_STATES = (QUEUED, SENDING, DEFERRED, UNKNOWN, SENT, FAILED, SUPPRESSED, CANCELED, EXPIRED)
TERMINAL = (SENT, FAILED, SUPPRESSED, CANCELED, EXPIRED)
WAITING = (QUEUED, DEFERRED, UNKNOWN)
"""What a mark may be set on. `unknown` waits only while it is due or in a batch."""

COUNTED = (QUEUED, DEFERRED, UNKNOWN, *TERMINAL)
"""The states with a counter on the mailing: `sending` exists only inside a live batch."""

STAGED = "staged"  # accepted in part, promised to nobody yet: not one of a mailing's five states
SCHEDULED, ACTIVE, PAUSED, DONE = "scheduled", "active", "paused", "done"
MAILING_STATES = (SCHEDULED, ACTIVE, PAUSED, CANCELED, DONE)


class Move(NamedTuple):
    """One way a delivery may change its state, and who writes it in which transaction."""

    before: tuple[str, ...]
    after: str
    name: str
    who: str
    when: str


MOVES = (
    Move((), QUEUED, "accept", "the web process", "acceptance"),
    Move((), SUPPRESSED, "suppress", "the web process", "acceptance, when the address is on the list"),
    Move((QUEUED, DEFERRED, UNKNOWN), SENDING, "mark", "the batch's owner", "before the final dot"),
    Move((SENDING,), SENT, "record", "the batch's owner", "the server answered 2xx"),
    Move(
        (SENDING, QUEUED, DEFERRED),
        DEFERRED,
        "record",
        "the batch's owner",
        "4xx, or no answer before the dot",
    ),
    Move((SENDING, QUEUED, DEFERRED), FAILED, "record", "the batch's owner", "5xx on this recipient"),
    Move(
        (SENDING, UNKNOWN),
        UNKNOWN,
        "record",
        "the batch's owner",
        "no answer after the dot, or a refused resend",
    ),
    Move(
        (UNKNOWN,), SENT, "record", "the batch's former owner", "the server's 2xx is recorded after the reap"
    ),
    Move((SENDING,), UNKNOWN, "reap", "the sweeper", "a batch's lease ran out"),
    Move((QUEUED, DEFERRED), FAILED, "reap", "the sweeper", "three workers died during it"),
    Move(
        (QUEUED, DEFERRED), SUPPRESSED, "refuse", "the batch's owner", "a mark found the address on the list"
    ),
    Move(
        (QUEUED, DEFERRED),
        CANCELED,
        "cancel",
        "a person, the sweeper",
        "the mailing or the delivery is canceled",
    ),
    Move((QUEUED, DEFERRED), EXPIRED, "expire", "the sweeper", "the mailing's time is over"),
    Move(
        (FAILED, CANCELED, EXPIRED, SUPPRESSED, DEFERRED), QUEUED, "retry", "a person", "asked for on a page"
    ),
    Move((UNKNOWN,), SENT, "confirm", "a person", '"it arrived"'),
    Move((UNKNOWN,), UNKNOWN, "resend", "a person, the sweeper", '"send again", or the policy resend'),
)


def may_become(before: str, after: str) -> bool:
    return any(before in move.before and move.after == after for move in MOVES)
