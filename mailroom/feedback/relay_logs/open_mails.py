"""Open mails: those that a record has begun to tell of. Bounded, however many it has: the oldest go first."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Any

from mailroom.feedback.relay_logs.clock import LogClock
from mailroom.feedback.relay_logs.trace import Said, Trace

MOST_OPEN = 50_000
"""Mails that are known at once by their queue id: those in a busy relay's queue."""

MOST_DEFERRED = 50
"""Recipients of one mail whose deferral is kept until its time is over."""


@dataclass(slots=True)
class OpenMail:
    queue_id: str
    at: str
    message_id: str = ""
    sender: str = ""
    client: str = ""
    recipients: tuple[str, ...] = ()  # where the record tells them at once
    is_named: bool = False  # a Message-ID was told, or an odd one
    is_taken: bool = False  # the relay has it, and answers for it
    is_told_of: bool = False  # what became of it was said, of one recipient at least
    deferred: dict[tuple[str, ...], Trace] = field(default_factory=dict)


class OpenMails:
    """By a key of the reader's own."""

    def __init__(self, clock: LogClock) -> None:
        self._clock = clock
        self._mails: OrderedDict[str, OpenMail] = OrderedDict()

    def get(self, key: str) -> OpenMail | None:
        return self._mails.get(key)

    def begin(self, key: str, mail: OpenMail) -> list[Trace]:
        """In the place of an older one under this key. What those prove that had to make room."""
        proven = self.end(key)
        self._mails[key] = mail
        if len(self._mails) > MOST_OPEN:
            proven += self._only_accepted(self._mails.popitem(last=False)[1])
        return proven

    def end(self, key: str) -> list[Trace]:
        """The relay has done with it."""
        return self._only_accepted(self._mails.pop(key, None))

    def rest(self) -> list[Trace]:
        """What those prove of which no end was told."""
        return [trace for mail in self._mails.values() for trace in self._only_accepted(mail)]

    def became(self, mail: OpenMail, said: Said, at: str, **more: Any) -> Trace:
        """What became of one recipient's."""
        mail.is_taken = mail.is_told_of = True
        trace = self._trace(mail, said, at, **more)
        if said is not Said.DEFERRED:
            mail.deferred.pop(trace.recipients, None)
        elif len(mail.deferred) < MOST_DEFERRED:
            mail.deferred[trace.recipients] = trace
        return trace

    def gave_up(self, mail: OpenMail, at: str) -> list[Trace]:
        """Its time is over: all that were deferred until now come back."""
        moment = self._clock.moment(at)
        traces = [replace(trace, said=Said.BOUNCED, at=moment) for trace in mail.deferred.values()]
        mail.deferred.clear()
        return traces

    def _only_accepted(self, mail: OpenMail | None) -> list[Trace]:
        if mail is None or mail.is_told_of or not mail.is_taken or not (mail.message_id or mail.sender):
            return []
        return [self._trace(mail, Said.ACCEPTED, mail.at, recipients=mail.recipients)]

    def _trace(self, mail: OpenMail, said: Said, at: str, **more: Any) -> Trace:
        return Trace(
            said,
            mail.message_id,
            at=self._clock.moment(at),
            queue_id=mail.queue_id,
            sender=mail.sender,
            client=mail.client,
            **more,
        )
