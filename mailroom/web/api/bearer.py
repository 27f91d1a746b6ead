"""Bearer authentication: the key in the Authorization header, looked up anew for every request.

But for one whose own transaction asks whether the key is still valid: it may go by a look of a moment ago.
"""

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
from mailroom.ledger.people.tokens import token_hash
from mailroom.web import mailroom
from mailroom.web.api.errors import ApiError

KEY_KNOWN_FOR = 1.0
"""Seconds for which a look may serve such requests."""

MOST_KNOWN_KEYS = 1_000
"""Beyond them all are looked up again."""

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


def authenticate_for_now() -> tuple[ApiKey, bool]:
    """The key of this request, for whoever has its transaction ask whether it is still valid; and whether it
    was looked up now. Raises ApiError.
    """
    known: KnownKeys = current_app.extensions["mailroom.known_keys"]
    token = _token()
    key = known.get(token)
    if key is not None:
        return key, False
    key = authenticate()
    known.note(token, key)
    return key, True


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
    # No cache between the key and the ledger: a revoked key must be dead at once. See KnownKeys.
    key = api_keys.look(mailroom().database, token)
    if key is None:
        raise ApiError(403, "invalid_api_key", "API key is invalid.")
    if not key.is_active:
        raise ApiError(403, "invalid_api_key", f"API key is invalid: it is {key.state}.")
    return key


class KnownKeys:
    """Keys that were found valid within the last second, by their hashes.

    Nothing of a key ever changes but that it ends. In a burst SQLite would read the key's pages anew for each
    request, since others have written meanwhile.
    """

    def __init__(self) -> None:
        self._found: dict[str, tuple[float, ApiKey]] = {}

    def get(self, token: str) -> ApiKey | None:
        found_at, key = self._found.get(token_hash(token), (-math.inf, None))
        return key if time.monotonic() - found_at < KEY_KNOWN_FOR else None

    def note(self, token: str, key: ApiKey) -> None:
        if len(self._found) >= MOST_KNOWN_KEYS:
            self._found.clear()
        self._found[token_hash(token)] = time.monotonic(), key


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
    app.extensions["mailroom.known_keys"] = KnownKeys()
