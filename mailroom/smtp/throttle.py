"""Throttle: how far apart mails must leave, by the setting and by what the server answers."""

from __future__ import annotations

import re

from mailroom.smtp.reply import Reply

PERIODS_US = {"second": 1_000_000, "minute": 60_000_000, "hour": 3_600_000_000, "day": 86_400_000_000}

MARGIN_US = 20_000
"""A period is stretched by so much: mails leave evenly and arrive a little unevenly, and a
server that counts the last second must not find one too many in it."""

SLOW_DOWN = frozenset({421, 450, 451, 454})

ONE_RECIPIENT = re.compile(r"4\.[12]\.\d|.*gr[ea]y.?list", re.IGNORECASE | re.DOTALL)
"""Words about one address or mailbox (RFC 3463: x.1.x, x.2.x), or a first contact: not about our speed."""


def spacing_us(rate: str) -> int:
    """Microseconds from one mail to the next at a rate such as "30/minute"."""
    number, _, period = rate.partition("/")
    return -(-(PERIODS_US[period] + MARGIN_US) // int(number))


def asks_to_slow_down(reply: Reply) -> bool:
    """Whether a temporary refusal means that we send too fast."""
    return reply.code in SLOW_DOWN and ONE_RECIPIENT.match(reply.text) is None
