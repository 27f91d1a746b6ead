"""What a provider tells by HTTP becomes a fact of the very mail that it is about, once, on both databases."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, update

from mailroom.engine.feedback.provider_posts import ProviderPosts
from mailroom.engine.feedback.rules import FeedbackRules
from mailroom.engine.feedback.sns_calls import SNS_CALLS_A_MINUTE, SnsCalls
from mailroom.engine.feedback.taking import Taken
from mailroom.feedback.providers.known import PROVIDERS
from mailroom.feedback.providers.post import CannotTell, Post, PostRefused
from mailroom.http.answer import HttpAnswer, NoAnswer
from mailroom.ledger import suppressions
from mailroom.ledger.consent.scopes import Scope
from mailroom.ledger.feedback import provider_doors, sent_as
from mailroom.ledger.feedback.provider_doors import REFUSALS_KEPT
from mailroom.ledger.schema import deliveries, mailings
from tests.feedback.comes import Comes
from tests.feedback.providers import posts
from tests.feedback.providers.posts import CERTIFICATE_URL, OWN_IDS, TOPIC, Event, Signed
from tests.ledger.plans import plans_of

EVERY = pytest.mark.parametrize("provider", PROVIDERS)


class Sns:
    """In the place of Amazon's: what it answers by URL, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.pages = {CERTIFICATE_URL: posts.certificate()}

    def get(self, url: str) -> HttpAnswer:
        self.asked.append(url)
        if url not in self.pages:
            raise NoAnswer("no answer within 5 s")
        return HttpAnswer(200, self.pages[url], None)


class Provided:
    """The way in, with a door for every provider."""

    def __init__(self, comes: Comes) -> None:
        self.sns = Sns()
        self.comes = comes
        self.posts = ProviderPosts(comes.database, FeedbackRules(), SnsCalls(self.sns.get))
        with comes.database.begin() as connection:
            for provider in PROVIDERS:
                provider_doors.open_up(connection, provider, [posts.key_of(provider)])

    def take(self, provider: str, signed: Signed) -> list[Taken]:
        with self.comes.database.read() as connection:
            door = provider_doors.every(connection)[provider]
        return self.posts.take(door, Post(signed.headers, signed.body))

    def tell(self, provider: str, kind: str, delivery_id: int, **said: Any) -> list[Taken]:
        return self.take(provider, posts.signed(provider, self.event(provider, kind, delivery_id, **said)))

    def event(self, provider: str, kind: str, delivery_id: int, **said: Any) -> Event:
        address = self.comes.book.delivery(delivery_id).address
        about = {"message_id": self.comes.message_id(delivery_id), "address": address, **said}
        return posts.event(provider, kind, **about)


@pytest.fixture
def provided(comes: Comes) -> Provided:
    return Provided(comes)


@EVERY
def test_a_mail_that_came_back_is_bounced_and_its_address_gets_no_more(
    provided: Provided, provider: str
) -> None:
    bounced, other = provided.comes.sent(2)
    assert provided.tell(provider, "bounced", bounced) == [Taken(bounced, "", is_new=True)]
    assert (provided.comes.state(bounced), provided.comes.state(other)) == ("bounced", "sent")
    [listed] = provided.comes.listed()
    assert (listed.address_key, listed.reason) == ("p0@mail.example", "bounced")
    [fact] = provided.comes.kept()
    assert (fact.way, fact.code, fact.status) == (provider, 550, "5.1.1")


@EVERY
def test_the_same_post_again_counts_once(provided: Provided, provider: str) -> None:
    [delivery_id] = provided.comes.sent()
    signed = posts.signed(provider, provided.event(provider, "soft", delivery_id))
    assert [one.is_new for one in provided.take(provider, signed)] == [True]
    assert [one.is_new for one in provided.take(provider, signed)] == [False]
    assert provided.comes.number_kept() == 1


@EVERY
def test_all_that_is_told_is_a_fact_and_a_bounce_alone_moves_it(provided: Provided, provider: str) -> None:
    [delivery_id] = provided.comes.sent()
    for kind in ("delayed", "delivered", "complained"):
        assert provided.tell(provider, kind, delivery_id)[0].delivery_id == delivery_id
    assert [fact.kind for fact in provided.comes.kept()] == ["delayed", "delivered", "complained"]
    assert provided.comes.state(delivery_id) == "sent"
    assert [one.reason for one in provided.comes.listed()] == ["complained"]


@EVERY
def test_an_opened_mail_leaves_nothing_behind(provided: Provided, provider: str) -> None:
    [delivery_id] = provided.comes.sent()
    assert provided.tell(provider, "opened", delivery_id) == []
    assert provided.comes.number_kept() == 0


@EVERY
def test_a_mail_of_a_shared_message_is_known_by_its_address(provided: Provided, provider: str) -> None:
    first, second = provided.comes.sent(2)
    with provided.comes.database.begin() as connection:
        connection.execute(update(mailings).values(kind="shared"))
    provided.tell(provider, "bounced", second)
    assert (provided.comes.state(first), provided.comes.state(second)) == ("sent", "bounced")


@EVERY
def test_a_mail_that_is_none_of_ours_changes_nothing(provided: Provided, provider: str) -> None:
    [delivery_id] = provided.comes.sent()
    [taken] = provided.tell(provider, "bounced", delivery_id, message_id=posts.OURS)
    assert taken.delivery_id is None and taken.unmatched
    assert provided.comes.state(delivery_id) == "sent" and provided.comes.listed() == []


@EVERY
def test_our_message_id_and_another_address_do_not_fit(provided: Provided, provider: str) -> None:
    [delivery_id] = provided.comes.sent()
    [taken] = provided.tell(provider, "bounced", delivery_id, address="mallory@mail.example")
    assert taken.delivery_id is None and taken.unmatched
    assert provided.comes.state(delivery_id) == "sent" and provided.comes.listed() == []


@pytest.mark.parametrize("provider", OWN_IDS)
def test_a_mail_is_known_by_the_providers_own_id_in_the_250(provided: Provided, provider: str) -> None:
    first, second = provided.comes.sent(["ann@mail.example"]), provided.comes.sent(["ann@mail.example"])
    ids = [*first, *second]
    with provided.comes.database.begin() as connection:
        for number, delivery_id in enumerate(ids):
            words = f"2.0.0 Ok: queued as {OWN_IDS[provider] if number == 0 else 'another'}"
            connection.execute(update(deliveries).where(deliveries.c.id == delivery_id).values(reply=words))
    [taken] = provided.tell(provider, "bounced", ids[0], message_id="")
    assert taken.delivery_id == ids[0]
    assert [provided.comes.state(id) for id in ids] == ["bounced", "sent"]


def test_an_id_is_looked_for_literally(provided: Provided) -> None:
    """A provider's id with a sign of LIKE in it is no pattern."""
    [delivery_id] = provided.comes.sent(["ann@mail.example"])
    with provided.comes.database.begin() as connection:
        connection.execute(update(deliveries).values(reply="2.0.0 Ok: queued as abcdefghij"))
    told = posts.event("resend", "bounced", message_id="")
    told["data"]["email_id"] = "abc_efgh"
    [taken] = provided.take("resend", posts.signed("resend", told))
    assert taken.delivery_id is None and provided.comes.state(delivery_id) == "sent"


TELL_OF_IT = pytest.mark.parametrize("provider", ["postmark", "mailgun", "sendgrid", "brevo"])


@TELL_OF_IT
def test_who_unsubscribed_there_gets_no_more_of_that_sender_s_bulk_mail(
    provided: Provided, provider: str
) -> None:
    [delivery_id] = provided.comes.sent(["ann@mail.example"])
    signed = posts.signed(provider, provided.event(provider, "unsubscribed", delivery_id))
    assert provided.take(provider, signed) == []
    [one] = provided.comes.listed()
    assert (one.address_key, one.scope, one.reason) == (
        "ann@mail.example",
        Scope("post@mailroom.example"),
        "unsubscribed",
    )
    assert (one.delivery_id, one.evidence) == (delivery_id, f"told by {PROVIDERS[provider].title}")
    assert provided.comes.number_kept() == 0, "it says nothing of what became of the mail"
    with provided.comes.database.begin() as connection:
        suppressions.remove(connection, "ann@mail.example")
    provided.take(provider, signed)
    assert provided.comes.listed() == [], "a copy unsubscribes nobody who came back"


@TELL_OF_IT
def test_nobody_is_unsubscribed_by_mail_that_went_to_another(provided: Provided, provider: str) -> None:
    [delivery_id] = provided.comes.sent(["ann@mail.example"])
    assert provided.tell(provider, "unsubscribed", delivery_id, address="bob@mail.example") == []
    assert provided.tell(provider, "unsubscribed", delivery_id, message_id=posts.OURS) == []
    assert provided.comes.listed() == []


def test_a_token_of_mailgun_proves_one_post_only(provided: Provided) -> None:
    """Its signature says nothing of the body: whoever has seen one could say anything with it."""
    first, second = provided.comes.sent(2)
    opened = posts.mailgun(provided.event("mailgun", "opened", first), time.time(), token="t" * 50)
    assert provided.take("mailgun", opened) == []
    forged = posts.octets(
        {
            **json.loads(opened.body),
            "event-data": provided.event("mailgun", "bounced", second),
        }
    )
    with pytest.raises(PostRefused, match="another post"):
        provided.take("mailgun", opened.with_body(forged))
    assert provided.take("mailgun", opened) == [], "the same again is no harm"
    assert provided.comes.state(second) == "sent" and provided.comes.number_kept() == 0


def test_any_of_a_door_s_keys_proves_a_post(provided: Provided) -> None:
    [delivery_id] = provided.comes.sent()
    with provided.comes.database.begin() as connection:
        keys = [TOPIC.replace("mailroom", "other"), TOPIC]
        provider_doors.open_up(connection, "ses", keys)
    assert provided.tell("ses", "bounced", delivery_id)[0].delivery_id == delivery_id


def test_refusals_do_not_pile_up(provided: Provided) -> None:
    with provided.comes.database.begin() as connection:
        for provider in ("ses", "brevo"):
            for n in range(REFUSALS_KEPT + 20):
                provider_doors.note_refusal(connection, provider, "192.0.2.1", f"{n}")
        assert len(provider_doors.refusals(connection, "ses", 1_000)) == REFUSALS_KEPT
        assert provider_doors.refusals(connection, "brevo", 1)[0].words == f"{REFUSALS_KEPT + 19}"


@pytest.mark.parametrize("look", ["named_by_relay", "of_uid", "address_keys"])
def test_a_mail_is_found_without_reading_all_of_them(provided: Provided, look: str) -> None:
    provided.comes.sent(300)
    ask: dict[str, Callable[[Connection], object]] = {
        "named_by_relay": lambda to: sent_as.named_by_relay(to, "p7@mail.example", "nothing-of-it"),
        "of_uid": lambda to: sent_as.of_uid(to, "nothing", 1),
        "address_keys": lambda to: sent_as.address_keys(to, {1, 2}),
    }
    for _, plan in plans_of(provided.comes.database, ask[look]):
        assert "SCAN deliveries" not in plan and "Seq Scan on deliveries" not in plan, plan
        assert "SCAN mailings" not in plan and "Seq Scan on mailings" not in plan, plan


def test_a_certificate_is_fetched_once(provided: Provided) -> None:
    for delivery_id in provided.comes.sent(3):
        provided.tell("ses", "delivered", delivery_id)
    assert provided.sns.asked == [CERTIFICATE_URL]


def test_what_cannot_be_proven_now_is_to_come_again(provided: Provided) -> None:
    [delivery_id] = provided.comes.sent()
    page = provided.sns.pages.pop(CERTIFICATE_URL)
    with pytest.raises(CannotTell, match="no answer"):
        provided.tell("ses", "bounced", delivery_id)
    provided.sns.pages[CERTIFICATE_URL] = page
    provided.tell("ses", "bounced", delivery_id)
    assert provided.comes.state(delivery_id) == "bounced"


def test_sns_is_not_asked_without_end(provided: Provided) -> None:
    for number in range(SNS_CALLS_A_MINUTE + 5):
        url = CERTIFICATE_URL.replace("0123", f"{number:04}")
        said = posts.notification(posts.event("ses", "bounced"), time.time(), SigningCertURL=url)
        with pytest.raises(CannotTell):
            provided.take("ses", posts.sns(said))
    assert len(provided.sns.asked) == SNS_CALLS_A_MINUTE


def test_a_subscription_of_the_topic_is_confirmed_and_of_another_not(provided: Provided) -> None:
    signed = posts.sns(posts.subscription(time.time()))
    url = json.loads(signed.body)["SubscribeURL"]
    with pytest.raises(CannotTell):
        provided.take("ses", signed)
    provided.sns.pages[url] = b"<ConfirmSubscriptionResponse/>"
    assert provided.take("ses", signed) == []
    with provided.comes.database.read() as connection:
        assert provider_doors.every(connection)["ses"].confirmed_at is not None
    provided.sns.asked.clear()
    other = TOPIC.replace("mailroom", "stranger")
    with pytest.raises(PostRefused, match="another topic"):
        provided.take("ses", posts.sns(posts.subscription(time.time(), TopicArn=other)))
    assert provided.sns.asked == []


def test_of_a_batch_each_event_is_taken(provided: Provided) -> None:
    ids = provided.comes.sent(3)
    events = [
        provided.event("sendgrid", kind, id)
        for kind, id in zip(("delivered", "bounced", "opened"), ids, strict=True)
    ]
    taken = provided.take("sendgrid", posts.sendgrid(events, time.time()))
    assert [one.delivery_id for one in taken] == ids[:2]
    assert [provided.comes.state(id) for id in ids] == ["sent", "bounced", "sent"]


@pytest.mark.parametrize("provider", ["sendgrid", "brevo", "resend"])
def test_where_our_message_id_is_told_no_mail_is_looked_for(
    provided: Provided, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A post has thousands of events, and each look reads up to a thousand mails."""
    [delivery_id] = provided.comes.sent()
    monkeypatch.setattr(sent_as, "named_by_relay", lambda *_: pytest.fail("it was looked for"))
    provided.tell(provider, "bounced", delivery_id)
    assert provided.comes.state(delivery_id) == "bounced"
