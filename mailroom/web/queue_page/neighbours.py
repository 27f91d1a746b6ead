"""Neighbours on the queue's pages: another Mailroom's workers are named above the list, and not in it."""

from __future__ import annotations

from typing import Any

from flask import Flask, g
from redis import Redis
from rq.worker import BaseWorker

from mailroom.engine import neighbours
from mailroom.queue import QueueDown, WorkerInfo
from mailroom.queue.readable import ReadableWorker
from mailroom.web import mailroom


def init_app(app: Flask) -> None:
    app.jinja_env.globals["neighbours_words"] = neighbours_words


class OurWorker(ReadableWorker):
    """A worker that is none of a neighbour's."""

    @classmethod
    def all(cls, connection: Redis | None = None, *_: Any, **__: Any) -> list[BaseWorker]:
        found = super().all(connection)
        theirs = {worker.name for worker in _found()}
        return [worker for worker in found if worker.name not in theirs]


def neighbours_words() -> str:
    """Two sentences about them, or nothing."""
    if getattr(g, "user", None) is None:
        return ""
    found = _found()
    return f"{neighbours.words(found)}." if found else ""


def _found() -> list[WorkerInfo]:
    try:
        return neighbours.workers(mailroom().database, mailroom().queue).neighbours
    except QueueDown:
        return []  # RQ's part of the page can be shown all the same
