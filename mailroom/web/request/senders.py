"""Senders of large bodies: the front asks who it is before it stores one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from mailroom.web.api import bearer
from mailroom.web.api.errors import ApiError
from mailroom.web.request import gate


def largest_body(app: Flask) -> Callable[[dict[str, Any]], int]:
    """Bytes that the sender of this request may send: many who is known, few a stranger."""

    def largest(environ: dict[str, Any]) -> int:
        with app.request_context(environ):
            return int(app.config["MAX_CONTENT_LENGTH"]) if _is_known() else gate.STRANGERS_LIMIT

    return largest


def _is_known() -> bool:
    try:
        return gate.current() is not None or bearer.find() is not None
    except (ApiError, SQLAlchemyError):  # without the ledger nothing is accepted anyway
        return False
