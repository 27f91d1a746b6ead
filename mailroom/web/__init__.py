"""The web application: pages for people, an API for programs, the queue's dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import current_app

from mailroom.database.engine import Database
from mailroom.queue import Queue
from mailroom.settings import Settings


@dataclass(frozen=True)
class Mailroom:
    """What every page needs, made once per process by create_app()."""

    settings: Settings
    database: Database
    queue: Queue


def mailroom() -> Mailroom:
    """The Mailroom of the application that answers this request."""
    return cast(Mailroom, current_app.extensions["mailroom"])
