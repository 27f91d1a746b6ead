"""Banners on every page: a mail server that cannot be used, a webhook given up."""

from __future__ import annotations

from flask import Flask, g
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from mailroom.database.clock import now_millis, to_millis
from mailroom.ledger.mailings import mailings
from mailroom.ledger.relays import circuit
from mailroom.ledger.relays.circuit import ServerTrouble
from mailroom.ledger.webhooks import webhook_endpoints
from mailroom.ledger.webhooks.webhook_endpoints import Endpoint
from mailroom.smtp.server import configured
from mailroom.web import mailroom
from mailroom.web.layout.filters import duration


def init_app(app: Flask) -> None:
    shown = (notices, held_mailings, given_up_endpoints)
    app.jinja_env.globals.update({function.__name__: function for function in shown})


def notices() -> list[tuple[ServerTrouble, str]]:
    """Every server in trouble, and a sentence about it; asked while a page is rendered."""
    if getattr(g, "user", None) is None:
        return []  # a stranger's error page
    try:
        with mailroom().database.read() as connection:
            troubles = circuit.troubled(connection, configured(mailroom().settings))
            now: int = connection.execute(select(now_millis())).scalar_one() if troubles else 0
    except SQLAlchemyError:
        return []  # a page that needs the ledger says so itself; one that does not shall be shown
    return [(trouble, trouble_words(trouble, now)) for trouble in troubles]


def held_mailings() -> list[tuple[int, str, str]]:
    """(id, subject, why) of the mailings that workers paused, until somebody resumes or cancels them."""
    if getattr(g, "user", None) is None:
        return []
    try:
        with mailroom().database.read() as connection:
            return mailings.held(connection)
    except SQLAlchemyError:
        return []


def given_up_endpoints() -> list[Endpoint]:
    """Webhook endpoints that Mailroom disabled by itself: until somebody enables or removes them."""
    if getattr(g, "user", None) is None:
        return []
    try:
        with mailroom().database.read() as connection:
            return webhook_endpoints.given_up(connection)
    except SQLAlchemyError:
        return []


def trouble_words(trouble: ServerTrouble, now: int) -> str:
    """`now`: milliseconds by the ledger's clock."""
    wait = to_millis(trouble.closed_until) - now
    again = f"in {duration(max(1000, round(wait, -3)))}" if wait > 0 else "within seconds"
    about_us = "That is about us, and no recipient is blamed for it. " if trouble.is_about_us else ""
    return (
        f"No mail can be sent to {trouble.server}: {trouble.reply.rstrip('.')}. {about_us}"
        f"It is tried again {again}, and sending goes on by itself; nothing is lost."
    )
