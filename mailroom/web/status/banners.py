"""Banners on every page: sending is held, a mail server that cannot be used, a webhook given up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from flask import Flask, g
from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from mailroom.database import clock
from mailroom.database.clock import to_millis
from mailroom.database.statement import Statement
from mailroom.database.together import Together
from mailroom.ledger import holding
from mailroom.ledger.holding import Hold
from mailroom.ledger.mailings import mailings
from mailroom.ledger.relays import circuit
from mailroom.ledger.relays.circuit import ServerTrouble
from mailroom.ledger.webhooks import webhook_endpoints
from mailroom.ledger.webhooks.webhook_endpoints import Endpoint
from mailroom.smtp.server import configured
from mailroom.web import mailroom
from mailroom.web.layout.filters import duration

HELD_SHOWN = 5
"""Mailings of a kind that every page tells of: whose sender is refused may have thousands."""

ARE_THERE_ANY = (
    ~holding.is_free(),
    circuit.is_any_troubled(),
    mailings.is_any_held(),
    mailings.is_any_held(by_itself=True),
    webhook_endpoints.is_any_given_up(),
)
"""SQL, of each kind of them. Most pages have none, and are told so along with who looks at them."""

ASK_WHETHER_ANY = Statement(select(*ARE_THERE_ANY))


class Banners(NamedTuple):
    """What every page says."""

    holds: list[Hold] = []
    """Why no mail leaves: one, if somebody holds it."""
    troubles: list[tuple[ServerTrouble, str]] = []
    """Every server in trouble, and a sentence about it."""
    held: list[tuple[int, str, str]] = []
    """(id, subject, why) of mailings that workers paused, until somebody resumes or cancels them."""
    tripped: list[tuple[int, str, str]] = []
    """And of those that paused themselves."""
    given_up: list[Endpoint] = []
    """That Mailroom disabled by itself: until somebody enables or removes them."""


NONE = Banners()


def init_app(app: Flask) -> None:
    app.jinja_env.globals.update(
        sending_holds=lambda: _banners().holds,
        notices=lambda: _banners().troubles,
        held_mailings=lambda: _banners().held,
        tripped_mailings=lambda: _banners().tripped,
        given_up_endpoints=lambda: _banners().given_up,
        HELD_SHOWN=HELD_SHOWN,
    )


def note(are_there_any: Sequence[bool]) -> None:
    """For who has asked that, in this request."""
    g.pop("banners", None)  # of an earlier request: g may outlive one
    by_ledger, *others = map(bool, are_there_any)
    g.has_banners = [by_ledger or mailroom().settings.hold, *others]


def _banners() -> Banners:
    """Asked while a page is rendered, all at once."""
    if getattr(g, "user", None) is None:
        return NONE  # a stranger's error page
    if "banners" not in g:
        try:
            there = _are_there_any()
            g.banners = _read(there) if any(there) else NONE
        except SQLAlchemyError:
            return NONE  # a page that needs the ledger says so itself; one that does not shall be shown
    found: Banners = g.banners
    return found


def _are_there_any() -> list[bool]:
    if "has_banners" not in g:
        note(mailroom().database.look(ASK_WHETHER_ANY) or [False] * len(ARE_THERE_ANY))
    there: list[bool] = g.has_banners
    return there


def _read(there: Sequence[bool]) -> Banners:
    """Those kinds that there are."""
    reads: tuple[Callable[[Connection], list[Any]], ...] = (
        _holds,
        _server_troubles,
        partial(mailings.held, limit=HELD_SHOWN + 1),
        partial(mailings.held, limit=HELD_SHOWN + 1, by_itself=True),
        webhook_endpoints.given_up,
    )
    with mailroom().database.read_at_once() as connection:
        together = Together(connection)
        asked = [together.ask(read) if is_any else list for read, is_any in zip(reads, there, strict=True)]
        return Banners(*(found() for found in asked))


def _holds(connection: Connection) -> list[Hold]:
    hold = holding.present(connection, mailroom().settings.hold)
    return [hold] if hold else []


def _server_troubles(connection: Connection) -> list[tuple[ServerTrouble, str]]:
    reads = Together(connection)
    troubles, clock_now = reads.ask(circuit.troubled, configured(mailroom().settings)), reads.ask(clock.now)
    now = clock_now()
    return [(trouble, trouble_words(trouble, now)) for trouble in troubles()]


def trouble_words(trouble: ServerTrouble, now: int) -> str:
    """`now`: milliseconds by the ledger's clock."""
    wait = to_millis(trouble.closed_until) - now
    again = f"in {duration(max(1000, round(wait, -3)))}" if wait > 0 else "within seconds"
    about_us = "That is about us, and no recipient is blamed for it. " if trouble.is_about_us else ""
    return (
        f"No mail can be sent to {trouble.server}: {trouble.reply.rstrip('.')}. {about_us}"
        f"It is tried again {again}, and sending goes on by itself; nothing is lost."
    )
