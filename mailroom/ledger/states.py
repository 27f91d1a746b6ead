"""The state machine's states: what each of them is called, means, looks like and tells others.

One row for each; pages, stylesheets, API, webhooks, metrics, counters and docs read it. How a
delivery gets from one to another is in moves.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Self


class LastEvent(StrEnum):
    """`last_event` of the API, in Resend's words. Of several recipients' the first of these is told: what
    somebody should look at, then what is still to come. Never "delivered": a relay's 250 is not the inbox.
    """

    SCHEDULED = "scheduled"
    FAILED = "failed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    DELAYED = "delivery_delayed"
    CANCELED = "canceled"
    QUEUED = "queued"
    SENT = "sent"
    SUPPRESSED = "suppressed"


class Event(StrEnum):
    """What an endpoint of a webhook can be told of, what it means, and under which name its data say why."""

    sentence: str
    reason: str | None

    def __new__(cls, word: str, sentence: str = "", reason: str | None = None) -> Self:
        event = str.__new__(cls, word)
        event._value_ = word
        event.sentence, event.reason = sentence, reason
        return event

    SENT = "email.sent", "The mail server has taken it."
    DELAYED = (
        "email.delivery_delayed",
        "The mail server said: later. It will be tried again.",
        "delivery_delayed",
    )
    FAILED = "email.failed", "It was refused for good, or its time was over.", "failed"
    SUPPRESSED = "email.suppressed", "The address is on the suppression list.", "suppressed"
    CANCELED = "email.canceled", "It was canceled before it was sent."
    UNKNOWN = (
        "email.unknown",
        "The connection broke before the mail server answered: it may have arrived.",
        "unknown",
    )
    BOUNCED = "email.bounced", "It came back: a server that had taken it could not deliver it."
    DELIVERED = "email.delivered", "A server said so: the recipient's own has it."
    COMPLAINED = "email.complained", "The recipient called it spam."
    MAILING_DONE = "mailing.done", "Every recipient of a mailing has an outcome."
    MAILING_CANCELED = (
        "mailing.canceled",
        "A mailing was canceled, and nothing of it is under way any more.",
    )


@dataclass(frozen=True, slots=True)
class About:
    """A row of the table: all that is said of a delivery's state."""

    word: str
    sentence: str
    last_event: LastEvent
    event: Event | None = None
    tone: str | None = None  # the stylesheet's colour, `.state-TONE`; None: one of its own, named like it
    severity: int = 0  # of several on one picture, the gravest colours it, and is named first
    in_bar: int | None = None  # its place in a progress bar, from the left; None: the ground of it
    shows: Literal["", "due_at", "marked_at", "updated_at"] = "updated_at"  # the time in a list of deliveries
    waits: bool = False  # a mark may be set on it; `unknown` waits only while it is due or in a batch
    is_terminal: bool = False
    is_counted: bool = True  # by a counter of its mailing: a column of that name
    is_usual: bool = False  # of a million; all others are what people look for, and have an index
    is_watched: bool = False  # on the page of what needs a person


Action = Literal["pause", "resume", "cancel"]


@dataclass(frozen=True, slots=True)
class AboutMailing:
    """All that is said of a mailing's state."""

    word: str
    sentence: str
    tone: str
    actions: tuple[Action, ...] = ()  # what a person may do with it, until it has ended
    event: Event | None = None
    is_promised: bool = True


class _Word(StrEnum):
    """A state. In SQL, JSON and text it is the plain word."""

    about: Any  # its row
    _value_: str

    def __new__(cls, about: About | AboutMailing | AboutRepeat) -> Self:
        state = str.__new__(cls, about.word)
        state._value_ = about.word
        state.about = about
        return state

    @property
    def tone(self) -> str:
        return str(self.about.tone or self.value)

    @property
    def sentence(self) -> str:
        return str(self.about.sentence)


class State(_Word):
    """A delivery's state."""

    about: About

    QUEUED = About("queued", "Waits for its turn.", LastEvent.QUEUED, shows="", waits=True, is_usual=True)
    SENDING = About(
        "sending",
        "Being handed to the mail server right now.",
        LastEvent.QUEUED,
        severity=2,
        in_bar=2,
        shows="marked_at",
        is_counted=False,  # it exists only inside a live batch
        is_usual=True,
    )
    DEFERRED = About(
        "deferred",
        "The mail server said: later. It will be tried again.",
        LastEvent.DELAYED,
        Event.DELAYED,
        severity=6,
        in_bar=9,
        shows="due_at",
        waits=True,
        is_watched=True,
    )
    UNKNOWN = About(
        "unknown",
        "The connection broke before the mail server answered: it may have arrived.",
        LastEvent.DELAYED,  # neither sent nor failed is true
        Event.UNKNOWN,
        severity=7,
        in_bar=3,
        waits=True,
        is_watched=True,
    )
    SENT = About(
        "sent",
        "The mail server has taken it.",
        LastEvent.SENT,
        Event.SENT,
        severity=1,
        in_bar=1,
        is_terminal=True,
        is_usual=True,
    )
    FAILED = About(
        "failed",
        "The mail server refused it for good.",
        LastEvent.FAILED,
        Event.FAILED,
        severity=9,
        in_bar=4,
        is_terminal=True,
        is_watched=True,
    )
    BOUNCED = About(
        "bounced",
        "It came back: the mail server had taken it, and it could not be delivered.",
        LastEvent.BOUNCED,
        Event.BOUNCED,
        severity=8,
        in_bar=5,
        is_terminal=True,
        is_watched=True,
    )
    SUPPRESSED = About(
        "suppressed",
        "The address is on the suppression list.",
        LastEvent.SUPPRESSED,
        Event.SUPPRESSED,
        severity=5,
        in_bar=6,
        is_terminal=True,
    )
    CANCELED = About(
        "canceled",
        "Canceled before it was sent.",
        LastEvent.CANCELED,
        Event.CANCELED,
        severity=3,
        in_bar=8,
        is_terminal=True,
    )
    EXPIRED = About(
        "expired",
        "Its time was over before the mail server took it.",
        LastEvent.FAILED,
        Event.FAILED,
        severity=4,
        in_bar=7,
        is_terminal=True,
        is_watched=True,
    )


class MailingState(_Word):
    """A mailing's state."""

    about: AboutMailing

    STAGED = AboutMailing("staged", "Accepted in part, promised to nobody yet.", "queued", is_promised=False)
    SCHEDULED = AboutMailing(
        "scheduled", "Starts, or goes on, by itself at its time.", "queued", ("pause", "cancel")
    )
    ACTIVE = AboutMailing("active", "Going out.", "sending", ("pause", "cancel"))
    PAUSED = AboutMailing("paused", "Stopped until somebody resumes it.", "deferred", ("resume", "cancel"))
    CANCELED = AboutMailing(
        "canceled", "Canceled before it was sent.", "canceled", event=Event.MAILING_CANCELED
    )
    DONE = AboutMailing("done", "Every recipient has an outcome.", "sent", event=Event.MAILING_DONE)


RepeatAction = Literal["pause", "resume", "change", "cancel", "send"]


@dataclass(frozen=True, slots=True)
class AboutRepeat:
    """All that is said of a repeat's state."""

    word: str
    sentence: str
    tone: str
    actions: tuple[RepeatAction, ...] = ()  # what a person may do with it


class RepeatState(_Word):
    """A repeat's state."""

    about: AboutRepeat

    ACTIVE = AboutRepeat(
        "active", "Makes a mailing at each tick.", "sending", ("pause", "change", "cancel", "send")
    )
    PAUSED = AboutRepeat(
        "paused", "Makes none until somebody resumes it.", "deferred", ("resume", "change", "cancel", "send")
    )
    ENDED = AboutRepeat("ended", "Its last tick is over.", "sent", ("change", "send"))
    CANCELED = AboutRepeat("canceled", "Makes no mailing any more.", "canceled")


QUEUED, SENDING, DEFERRED, UNKNOWN = State.QUEUED, State.SENDING, State.DEFERRED, State.UNKNOWN
SENT, FAILED, SUPPRESSED = State.SENT, State.FAILED, State.SUPPRESSED
CANCELED, EXPIRED, BOUNCED = State.CANCELED, State.EXPIRED, State.BOUNCED
STAGED, SCHEDULED, ACTIVE = MailingState.STAGED, MailingState.SCHEDULED, MailingState.ACTIVE
PAUSED, DONE = MailingState.PAUSED, MailingState.DONE

STATE_WORDS = {state.value: state for state in State}
TERMINAL = tuple(state for state in State if state.about.is_terminal)
WAITING = tuple(state for state in State if state.about.waits)
COUNTED = tuple(state for state in State if state.about.is_counted)
UNUSUAL = tuple(state for state in State if not state.about.is_usual)
SETTLED_STATES = (*TERMINAL, UNKNOWN)
"""With what a mailing may end: an unknown one that is not due has its outcome too."""

WATCHED = tuple(state for state in State if state.about.is_watched)
GRAVEST_FIRST = tuple(sorted(State, key=lambda state: -state.about.severity))
IN_BAR = tuple(sorted((s for s in State if s.about.in_bar is not None), key=lambda s: s.about.in_bar or 0))
IN_LEGEND = (*(state for state in State if state.about.in_bar is None), *IN_BAR)
MAILING_STATES = tuple(state for state in MailingState if state.about.is_promised)


def states_with(action: Action) -> tuple[MailingState, ...]:
    """The states of a mailing in which a person may do this."""
    return tuple(state for state in MailingState if action in state.about.actions)
