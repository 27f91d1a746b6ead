"""Postmark tells no Message-ID of ours: what is handed to it says whose it is, and comes back each time."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from mailroom.content.links.unsubscribe import LinkPlace
from mailroom.content.message.body import LARGE_PIECE
from mailroom.content.recipients.parsed import Recipient
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Submission
from mailroom.engine.feedback.provider_posts import ProviderPosts
from mailroom.engine.feedback.rules import FeedbackRules
from mailroom.engine.send.messages import CompiledMessages
from mailroom.feedback.providers.post import Post
from mailroom.ledger.feedback import provider_doors
from mailroom.smtp.envelope import LongContent
from tests.feedback.comes import Comes
from tests.feedback.providers import posts
from tests.ledger.book import CONTENT
from tests.web.watching import delivery_ids

PLACE = LinkPlace("https://news.example.org")


def handed_over(comes: Comes, delivery_id: int, server: str) -> bytes:
    """What goes over the wire."""
    delivery = comes.book.delivery(delivery_id)
    message = CompiledMessages(PLACE, server).of(comes.database, {delivery.mailing_id})[delivery.mailing_id]
    found = message.content(delivery, b"Date: today\r\n")
    return b"".join(found.stuffed()) if isinstance(found, LongContent) else found


@pytest.mark.parametrize("server", ["smtp.postmarkapp.com", "SMTP-broadcasts.Postmarkapp.com."])
def test_what_postmark_gets_comes_back_and_is_known(comes: Comes, server: str) -> None:
    first, second = comes.sent(2)
    found = re.search(
        rb"^X-PM-Metadata-mailroom: (\S+)\r\n", handed_over(comes, second, server), re.MULTILINE
    )
    assert found and len(found[1]) <= 80
    event = {**posts.event("postmark", "bounced"), "Email": "p1@mail.example"}
    signed = posts.signed("postmark", {**event, "Metadata": {"mailroom": found[1].decode()}})
    with comes.database.begin() as connection:
        provider_doors.open_up(connection, "postmark", [posts.PASSWORD])
        door = provider_doors.every(connection)["postmark"]
    ProviderPosts(comes.database, FeedbackRules()).take(door, Post(signed.headers, signed.body))
    assert (comes.state(first), comes.state(second)) == ("sent", "bounced")


@pytest.mark.parametrize(
    "server", ["", "mail.example.org", "notpostmarkapp.com", "postmarkapp.com.example.org"]
)
def test_nobody_else_gets_such_fields(comes: Comes, server: str) -> None:
    [delivery_id] = comes.sent()
    assert b"X-PM-" not in handed_over(comes, delivery_id, server)


@pytest.mark.parametrize("text", ["Hello.", "Hello.\n" * 20_000])
def test_they_are_the_only_thing_that_is_added(comes: Comes, text: str) -> None:
    """Also to a mail that goes out in large pieces."""
    content = replace(CONTENT, text=text)
    submission = Submission(content, [Recipient("ann@mail.example")])
    mailing_id = accept(comes.database, comes.book.queue, submission).mailing_id
    [delivery_id] = delivery_ids(comes.database, mailing_id)
    plain = handed_over(comes, delivery_id, "")
    with_fields = handed_over(comes, delivery_id, "smtp.postmarkapp.com")
    assert with_fields.endswith(plain)
    added = with_fields.removesuffix(plain).decode().splitlines()
    assert [line.partition(":")[0] for line in added] == ["X-PM-KeepID", "X-PM-Metadata-mailroom"]
    assert (len(plain) > LARGE_PIECE) == (len(text) > LARGE_PIECE)
