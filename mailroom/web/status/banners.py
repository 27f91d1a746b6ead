"""Banners on every page: sending is held, a mail server that cannot be used, a webhook given up."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from flask import Flask, g
from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from mailroom.database import clock
from mailroom.database.clock import to_millis
from mailroom.database.statement import Statement
from mailroom.ledger import holding
from mailroom.ledger.holding import Hold
from mailroom.ledger.mailings import mailings
from mailroom.ledger.relays import circuit
from mailroom.ledger.relays.circuit import ServerTrouble
from mailroom.ledger.webhooks import webhook_endpoints
from mailroom.smtp.server import configured
from mailroom.web import mailroom
from mailroom.web.layout.filters import duration

T = TypeVar("T")

HELD_SHOWN = 5
"""Mailings of a kind that every page tells of: whose sender is refused may have thousands."""

IS_THERE_ANY = Statement(
    select(
        ~holding.is_free()
        | circuit.is_any_troubled()
        | mailings.is_any_held()
        | webhook_endpoints.is_any_given_up()
    )
)
"""Most pages have none: one question instead of four."""


def init_app(app: Flask) -> None:
    app.jinja_env.globals.update(
        # Why no mail leaves: one, if somebody holds it.
        sending_holds=lambda: _found(_holds),
        notices=lambda: _found(_server_troubles),
        # (id, subject, why) of those that workers paused, until somebody resumes or cancels them.
        held_mailings=lambda: _found(partial(mailings.held, limit=HELD_SHOWN + 1)),
        # And of those that paused themselves.
        tripped_mailings=lambda: _found(partial(mailings.held, limit=HELD_SHOWN + 1, by_itself=True)),
        HELD_SHOWN=HELD_SHOWN,
        # That Mailroom disabled by itself: until somebody enables or removes them.
        given_up_endpoints=lambda: _found(webhook_endpoints.given_up),
    )


def _found(find: Callable[[Connection], list[T]]) -> list[T]:
    """Asked while a page is rendered."""
    if getattr(g, "user", None) is None:
        return []  # a stranger's error page
    try:
        if not _is_there_any():
            return []
        with mailroom().database.read() as connection:
            return find(connection)
    except SQLAlchemyError:
        return []  # a page that needs the ledger says so itself; one that does not shall be shown


def _is_there_any() -> bool:
    if "has_banners" not in g:
        (found,) = mailroom().database.look(IS_THERE_ANY) or (False,)
        g.has_banners = bool(found) or mailroom().settings.hold
    return bool(g.has_banners)


def _holds(connection: Connection) -> list[Hold]:
    hold = holding.present(connection, mailroom().settings.hold)
    return [hold] if hold else []


def _server_troubles(connection: Connection) -> list[tuple[ServerTrouble, str]]:
    """Every server in trouble, and a sentence about it."""
    troubles = circuit.troubled(connection, configured(mailroom().settings))
    now = clock.now(connection) if troubles else 0
    return [(trouble, trouble_words(trouble, now)) for trouble in troubles]


def trouble_words(trouble: ServerTrouble, now: int) -> str:
    """`now`: milliseconds by the ledger's clock."""
    wait = to_millis(trouble.closed_until) - now
    again = f"in {duration(max(1000, round(wait, -3)))}" if wait > 0 else "within seconds"
    about_us = "That is about us, and no recipient is blamed for it. " if trouble.is_about_us else ""
    return (
        f"No mail can be sent to {trouble.server}: {trouble.reply.rstrip('.')}. {about_us}"
        f"It is tried again {again}, and sending goes on by itself; nothing is lost."
    )
