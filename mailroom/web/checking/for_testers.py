"""A test: the letter as one recipient would get it, to oneself, as a mailing of its own with a mark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from mailroom.content.addresses import Address
from mailroom.content.content import TRANSACTIONAL, Content
from mailroom.content.links.unsubscribe import UNSUBSCRIBE_PATH, UNSUBSCRIBE_TAG, LinkPlace
from mailroom.content.merge.plain import Values
from mailroom.content.recipients.parsed import Recipient
from mailroom.engine.accept.submission import Submission

MOST_TESTERS = 5

TEST_MARK = "[Test] "


def submission_for_testers(
    content: Content,
    columns: Sequence[str],
    chosen: Recipient | None,
    testers: Sequence[Address],
    place: LinkPlace,
    *,
    user_id: int,
    expires_after: timedelta,
) -> Submission:
    """With the values of `chosen`. It heeds suppressions of all mail; its link unsubscribes nobody."""
    values: Values = {
        **dict.fromkeys(columns, ""),
        UNSUBSCRIBE_TAG: f"{place.origin}{UNSUBSCRIBE_PATH}test",
        **({"email": chosen.address, "name": chosen.name, **(chosen.variables or {})} if chosen else {}),
    }
    marked = replace(content, subject=f"{TEST_MARK}{content.subject}", purpose=TRANSACTIONAL, list_name="")
    return Submission(
        content=marked,
        recipients=[Recipient(one.address, one.name, values) for one in testers],
        columns=list(values),
        expires_after=expires_after,
        user_id=user_id,
    )
