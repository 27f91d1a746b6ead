"""One submission that makes one mailing: accepted, or answered as it was the first time."""

from __future__ import annotations

from collections.abc import Callable

from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.draft import Accepted, Draft, Idempotency
from mailroom.ledger.people.api_keys import ApiKey
from mailroom.web import mailroom
from mailroom.web.api.errors import ApiError
from mailroom.web.api.idempotency import conflicts, earlier_mailing, idempotency_of


def submit(key: ApiKey, make: Callable[[Idempotency | None], Draft]) -> Accepted:
    """Accepts the draft that `make` makes of the request. Raises ApiError; nothing was accepted then."""
    idempotency = idempotency_of(key)
    try:
        draft = make(idempotency)
    except ApiError:
        # What has changed since the first time must not turn a retry into an error.
        before = earlier_mailing(idempotency) if idempotency is not None else None
        if before is None:
            raise
        return Accepted(before.id, before.uid, before.total, before.state, replayed=True)
    with conflicts():
        return accept(mailroom().database, mailroom().queue, draft)
