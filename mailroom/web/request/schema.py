"""Schema check: while the ledger does not fit this Mailroom, every page says so, in place of errors."""

from __future__ import annotations

from flask import Flask, Response, current_app, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import ServiceUnavailable

from mailroom.ledger import migrate
from mailroom.web import mailroom
from mailroom.web.request import errors

FITS = "mailroom.fits"
"""Once it fitted it is not asked again: a newer release may migrate it while this one still serves."""

NEED_NO_LEDGER = {"static", "health.lives", "health.ready", "metrics.metrics"}
"""The last one calls check() itself, within its time."""


def init_app(app: Flask) -> None:
    app.before_request(lambda: None if request.endpoint in NEED_NO_LEDGER else check())


def check() -> Response | None:
    """What to answer while it does not fit."""
    if FITS in current_app.extensions:
        return None
    try:
        why = migrate.misfit_of(mailroom().database)
    except SQLAlchemyError:
        return None  # it is away; whoever needs it says so
    if why is None:
        current_app.extensions[FITS] = True
        return None
    current_app.logger.error(why)
    if request.blueprint == "api":
        raise ServiceUnavailable(f"{why[0].upper()}{why[1:]}.", retry_after=5)
    response = errors.answer(503, "The ledger does not fit", f"{why[0].upper()}{why[1:]}.")
    response.headers["Retry-After"] = "5"
    return response
