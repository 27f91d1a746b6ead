"""The Idempotency-Key header: the same submission again gets the first one's answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256

from flask import request

from mailroom.content.writing.converter import ConverterBusy
from mailroom.engine.accept import keys
from mailroom.engine.accept.acceptance import accept, answer_again
from mailroom.engine.accept.submission import Accepted, Idempotency, KeyReused, StillUnderWay, Submission
from mailroom.ledger.mailings import idempotency as ledger
from mailroom.ledger.people.api_keys import ApiKey
from mailroom.web import mailroom
from mailroom.web.api import body
from mailroom.web.api.errors import ApiError

LONGEST_IDEMPOTENCY_KEY = 256

REPLAYED = {"Idempotent-Replayed": "true"}

NOT_MADE = (ApiError, ConverterBusy)
"""Why no submission is made of a request. The same request may have been accepted before all the same."""


def submit(
    key: ApiKey,
    make: Callable[[Idempotency | None], Submission],
    said: Callable[[], Iterable[bytes]] | None = None,
) -> Accepted:
    """Accepts the submission that `make` makes of the request. Raises ApiError, ConverterBusy; nothing was
    accepted then.

    `said`: what a request says that is no JSON, and takes so long to be read that it is asked first whether
    it came before.
    """
    idempotency = idempotency_of(key, said)
    before = _earlier_mailing(idempotency) if said is not None else None
    if before is None:
        try:
            submission = make(idempotency)
        except NOT_MADE:
            # What has changed since the first time must not turn a retry into an error.
            before = _earlier_mailing(idempotency)
            if before is None:
                raise
    with conflicts():
        if before is not None:
            return answer_again(mailroom().database, before)
        return accept(mailroom().database, mailroom().queue, submission)


def idempotency_of(key: ApiKey, said: Callable[[], Iterable[bytes]] | None = None) -> Idempotency | None:
    """What the header asks for; None: nothing."""
    given = request.headers.get("Idempotency-Key")
    if given is None:
        return None
    if not 1 <= len(given) <= LONGEST_IDEMPOTENCY_KEY or not (given.isascii() and given.isprintable()):
        message = f"The key must be between 1-{LONGEST_IDEMPOTENCY_KEY} chars, all of printable ASCII."
        raise ApiError(400, "invalid_idempotency_key", message)
    return Idempotency(f"key:{key.program}", given, _fingerprint(said))


def _fingerprint(said: Callable[[], Iterable[bytes]] | None) -> str:
    """The same for the same JSON to the same place, however it is written down."""
    place = f"{request.path}\0{request.headers.get('x-batch-validation', '')}\0"
    digest = sha256(place.encode("utf-8", "replace"))
    for piece in body.written(body.value()) if said is None else said():
        digest.update(piece)
    return digest.hexdigest()


@contextmanager
def conflicts() -> Iterator[None]:
    """Says in the API's words that the key is taken."""
    try:
        yield
    except KeyReused:
        message = "Same idempotency key used with a different request payload. Change the key or the payload."
        raise ApiError(409, "invalid_idempotent_request", message) from None
    except StillUnderWay:
        message = "Same idempotency key used while original request is still in progress. Try again later."
        headers = {"Retry-After": "1"}
        raise ApiError(409, "concurrent_idempotent_requests", message, headers) from None


def _earlier_mailing(key: Idempotency | None) -> int | None:
    """The mailing that this very submission made before. Raises ApiError when the key is taken."""
    if key is None:
        return None
    with conflicts(), mailroom().database.read() as connection:
        row = ledger.earlier(connection, key.scope, key.key)
        return None if row is None else keys.mailing_of(row, key)


def earlier_answer(key: Idempotency) -> str | None:
    """What this very submission of several was answered before. Raises ApiError when the key is taken."""
    with conflicts(), mailroom().database.read() as connection:
        row = ledger.earlier(connection, key.scope, key.key)
        return None if row is None else keys.answer_of(row, key)
