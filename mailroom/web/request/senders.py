"""Senders of large bodies: the front asks who it is before it stores one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, request
from sqlalchemy.exc import SQLAlchemyError

from mailroom.feedback.providers.post import LARGEST_POST
from mailroom.web.api import bearer
from mailroom.web.api.errors import ApiError
from mailroom.web.api.submitted import listed
from mailroom.web.providers import door
from mailroom.web.request import gate


def largest_body(app: Flask) -> Callable[[dict[str, Any]], int]:
    """Bytes that the sender of this request may send: many who is known, few a stranger."""

    def largest(environ: dict[str, Any]) -> int:
        with app.request_context(environ):
            if request.blueprint == door.blueprint.name:
                return LARGEST_POST if _is_at_a_door() else gate.STRANGERS_LIMIT
            if not _is_known():
                return gate.STRANGERS_LIMIT
            return listed.largest_request() if _brings_a_list() else int(app.config["MAX_CONTENT_LENGTH"])

    return largest


def _brings_a_list() -> bool:
    return request.endpoint in listed.ENDPOINTS and listed.is_listed()


def _is_at_a_door() -> bool:
    try:
        return door.find(**(request.view_args or {})) is not None
    except (TypeError, SQLAlchemyError):  # another method; and as below
        return False


def _is_known() -> bool:
    try:
        return gate.current() is not None or bearer.find() is not None
    except (ApiError, SQLAlchemyError):  # without the ledger nothing is accepted anyway
        return False
