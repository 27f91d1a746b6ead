"""Job outcomes: the ledger beside what RQ says. A job that finished is no word on how its mails ended."""

from __future__ import annotations

from flask import Flask, g, request
from sqlalchemy.exc import SQLAlchemyError

from mailroom.ledger.batches import turns
from mailroom.ledger.batches.turns import Turn
from mailroom.queue.keys import batch_of
from mailroom.web import mailroom
from mailroom.web.pages.attention import needing


def init_app(app: Flask) -> None:
    app.jinja_env.globals.update(needing=needing, turn_of_job=turn_of_job)


def turn_of_job() -> Turn | None:
    """What the job of this page did. None: it is none of ours, or the ledger cannot be asked."""
    batch_id = batch_of((request.view_args or {}).get("job_id", ""))
    if batch_id is None or getattr(g, "user", None) is None:
        return None
    try:
        with mailroom().database.read_at_once() as connection:
            return turns.of_job(connection, batch_id)
    except SQLAlchemyError:
        return None  # RQ's part of the page can be shown all the same
