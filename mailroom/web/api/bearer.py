"""Bearer authentication: the key in the Authorization header, looked up anew for every request."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from threading import Thread

from flask import Flask, current_app, request
from sqlalchemy.exc import SQLAlchemyError

from mailroom.database.engine import Database
from mailroom.ledger.people import api_keys
from mailroom.ledger.people.api_keys import ApiKey
from mailroom.web import mailroom
from mailroom.web.api.errors import ApiError

CHALLENGE = {"WWW-Authenticate": "Bearer"}

SCOPE_MESSAGES = {
    api_keys.SEND: "This API key is restricted: it may not send.",
    api_keys.READ: "This API key is restricted to only send emails.",
    api_keys.ADMIN: "This API key is restricted: it may not administer.",
}


def authenticate() -> ApiKey:
    """The key of this request. Raises ApiError when it opens nothing."""
    key = find()
    last_uses: LastUses = current_app.extensions["mailroom.last_uses"]
    last_uses.note(key)
    return key


def find() -> ApiKey:
    """The key alone: that it was used is not noted. Raises ApiError when it opens nothing."""
    return _find(_token())


def require(key: ApiKey, scope: str) -> None:
    """Raises ApiError unless the key has the scope."""
    if not key.may(scope):
        raise ApiError(
            401, "restricted_api_key", f"{SCOPE_MESSAGES[scope]} Make one with the scope “{scope}”."
        )


def _token() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        message = "Missing API key in the authorization header. Send “Authorization: Bearer mr_...”."
        raise ApiError(401, "missing_api_key", message, CHALLENGE)
    return token.strip()


def _find(token: str) -> ApiKey:
    # No cache between the key and the ledger: a revoked key must be dead at once.
    key = api_keys.look(mailroom().database, token)
    if key is None:
        raise ApiError(403, "invalid_api_key", "API key is invalid.")
    if not key.is_active:
        raise ApiError(403, "invalid_api_key", f"API key is invalid: it is {key.state}.")
    return key


class LastUses:
    """Writes down when keys were used: once a minute a key, and nobody waits for it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted: dict[int, float] = {}

    def note(self, key: ApiKey) -> None:
        now = time.monotonic()
        if now - self._noted.get(key.id, -math.inf) < api_keys.NOTED_EVERY_MS / 1000:
            return
        self._noted[key.id] = now
        # In a thread: a ledger that is locked must not hold up those who only read.
        Thread(target=self._write, args=(key.id,), daemon=True).start()

    def _write(self, key_id: int) -> None:
        # Not worth an error: the next minute will tell.
        with suppress(SQLAlchemyError), self._database.begin() as connection:
            api_keys.note_use(connection, key_id)


def init_app(app: Flask, database: Database) -> None:
    app.extensions["mailroom.last_uses"] = LastUses(database)
