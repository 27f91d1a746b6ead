"""Webhooks of mail providers: switched on by a person, and answered once what they tell is kept.

`shop`: the application with one mail that was sent, and Amazon SNS on this machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from mailroom.engine.feedback.sns_calls import SnsCalls
from mailroom.engine.letterhead import message_id_of
from mailroom.feedback.providers.known import PROVIDERS
from mailroom.http.answer import HttpAnswer
from mailroom.http.client import fetch
from mailroom.http.guard import Guard
from mailroom.ledger import suppressions
from mailroom.ledger.mailings import mailings
from mailroom.ledger.schema import deliveries, reports
from mailroom.web.providers.door import PROVIDER_POSTS
from tests.feedback.providers import posts
from tests.feedback.providers.posts import ANN, OTHER_KEYS, PASSWORD, Signed
from tests.web.watching import a_mailing, ledger, post, signed_in
from tests.webhooks.receiver import Receiver

EVERY = pytest.mark.parametrize("provider", PROVIDERS)
PAGE = "/webhooks/providers"


class Shop:
    def __init__(self, app: Flask, sns: Receiver) -> None:
        self.app, self.database, self.sns = app, ledger(app), sns
        self.person = signed_in(app)
        self.provider = app.test_client(use_cookies=False)
        self.mailing_id = a_mailing(
            self.database,
            {"address": ANN, "state": "sent", "code": 250, "reply": "Ok"},
            sender_address="post@mailroom.example",
            state="done",
        )
        sns.answer = lambda *_: (200, {}, posts.certificate())
        app.extensions[PROVIDER_POSTS].sns = SnsCalls(self._get)

    def _get(self, url: str) -> HttpAnswer:
        """Of the real client, at the server of this test."""
        host = urlsplit(self.sns.url).netloc
        here = urlsplit(url)._replace(scheme="http", netloc=host).geturl()
        return fetch(here, Guard(("127.0.0.1",)), 32 * 1024, 5, {})

    def switch_on(self, provider: str) -> str:
        """As a person does; the path of its URL."""
        fields = {"keys": posts.key_of(provider)} if PROVIDERS[provider].is_signed else {}
        answer = post(self.person, f"{PAGE}/{provider}", f"{PAGE}/{provider}", **fields)
        assert answer.status_code == 303
        self.page = self.person.get(answer.headers["Location"]).text
        found = re.search(rf"/feedback/{provider}/[A-Za-z0-9_-]+", self.page)
        assert found
        return found[0]

    def password(self) -> str:
        found = re.search(r"mailroom:([A-Za-z0-9_-]+)@", unescape(self.page))
        assert found
        return found[1]

    def event(self, provider: str, kind: str = "bounced") -> posts.Event:
        with self.database.read() as connection:
            mailing = mailings.get(connection, self.mailing_id)
            delivery_id = connection.execute(select(deliveries.c.id)).scalar_one()
        assert mailing is not None
        return posts.event(provider, kind, message_id=message_id_of(mailing, delivery_id))

    def signed(self, provider: str, kind: str = "bounced") -> Signed:
        signed = posts.signed(provider, self.event(provider, kind))
        if PROVIDERS[provider].is_signed:
            return signed
        return Signed({"Authorization": f"Bearer {self.password()}"}, signed.body)

    def send(self, path: str, signed: Signed) -> TestResponse:
        return self.provider.post(path, data=signed.body, headers=signed.headers)

    def state(self) -> str:
        with self.database.read() as connection:
            return str(connection.execute(select(deliveries.c.state)).scalar_one())

    def nothing_changed(self) -> bool:
        with self.database.read() as connection:
            known = connection.execute(select(reports.c.id)).all()
            return self.state() == "sent" and not known and suppressions.count(connection) == 0


@pytest.fixture
def shop(app: Flask) -> Iterator[Shop]:
    sns = Receiver()
    yield Shop(app, sns)
    sns.stop()


@EVERY
def test_a_provider_is_switched_on_and_believed(shop: Shop, provider: str) -> None:
    path = shop.switch_on(provider)
    answer = shop.send(path, shop.signed(provider))
    assert (answer.status_code, answer.data) == (200, b"")
    assert "Set-Cookie" not in answer.headers
    assert shop.state() == "bounced"
    page = shop.person.get(f"{PAGE}/{provider}").text
    assert "bounced" in page and ANN in page and "no such user" in page


@EVERY
def test_who_is_not_believed_learns_nothing_and_people_see_why(shop: Shop, provider: str) -> None:
    path = shop.switch_on(provider)
    signed = shop.signed(provider)
    wrong = Signed({**signed.headers, "Authorization": "Bearer wrong"}, signed.body)
    if PROVIDERS[provider].is_signed:
        other = "9999999999" if provider != "mailgun" else "0000000000"
        wrong = Signed(
            {name: other if "imestamp" in name else value for name, value in signed.headers.items()},
            signed.body.replace(b'"Signature": "', b'"Signature": "AAAA').replace(
                b'"signature": "', b'"signature": "00'
            ),
        )
    refused = shop.send(path, wrong)
    nowhere = shop.send(path[:-8] + "AAAAAAAA", signed)
    same = [(one.status_code, one.data, sorted(one.headers.keys())) for one in (refused, nowhere)]
    assert same[0] == same[1] and same[0][:2] == (404, b"")
    assert shop.nothing_changed()
    page = shop.person.get(f"{PAGE}/{provider}").text
    assert "What was not believed" in page and "127.0.0.1" in page
    assert re.search("signature|password|signed|timestamp", page.partition("What was not believed")[2])


def test_while_the_ledger_is_away_it_is_to_come_again(shop: Shop) -> None:
    path = shop.switch_on("resend")
    signed = shop.signed("resend")

    def away(*_: object) -> None:
        raise OperationalError("", None, Exception("away"))

    event.listen(shop.database.engine, "begin", away)
    answer = shop.send(path, signed)
    event.remove(shop.database.engine, "begin", away)
    assert answer.status_code == 503 and answer.headers["Retry-After"]
    assert shop.nothing_changed()
    assert [shop.send(path, signed).status_code for _ in range(2)] == [200, 200]
    with shop.database.read() as connection:
        assert len(connection.execute(select(reports.c.id)).all()) == 1
    assert shop.state() == "bounced"


def test_a_subscription_of_the_topic_is_confirmed_by_itself(shop: Shop) -> None:
    path = shop.switch_on("ses")
    assert "No subscription has asked" in shop.page
    assert shop.send(path, posts.sns(posts.subscription(posts.now()))).status_code == 200
    assert [received.path.partition("?")[0] for received in shop.sns.got] == [
        "/SimpleNotificationService-0123456789abcdef.pem",
        "/",
    ]
    assert "Action=ConfirmSubscription" in shop.sns.got[1].path
    assert "A subscription was confirmed" in shop.person.get(f"{PAGE}/ses").text


def test_while_sns_cannot_be_asked_it_is_to_come_again(shop: Shop) -> None:
    path = shop.switch_on("ses")
    shop.sns.answer = lambda *_: (503, {}, b"")
    answer = shop.send(path, shop.signed("ses"))
    assert answer.status_code == 503 and shop.nothing_changed()


@pytest.mark.parametrize("provider", ["postmark", "brevo"])
def test_a_password_is_shown_once_and_another_ends_it(shop: Shop, provider: str) -> None:
    path = shop.switch_on(provider)
    old, signed = shop.password(), shop.signed(provider)
    page = shop.person.get(f"{PAGE}/{provider}").text
    assert old not in page and path in page
    assert shop.switch_on(provider) == path, "its URL stays"
    assert shop.password() != old
    assert shop.send(path, signed).status_code == 404 and shop.nothing_changed()
    assert shop.send(path, shop.signed(provider)).status_code == 200


@pytest.mark.parametrize("provider", ["mailgun", "sendgrid", "resend"])
def test_a_key_is_never_shown_in_full_again_and_may_have_others_beside_it(shop: Shop, provider: str) -> None:
    path, key = shop.switch_on(provider), posts.key_of(provider)
    page = shop.person.get(f"{PAGE}/{provider}").text
    assert key not in page and f"…{key[-6:]}" in unescape(page)
    fields = {"keys": f"…{key[-6:]}\r\n{OTHER_KEYS[provider]}"}
    assert post(shop.person, f"{PAGE}/{provider}", f"{PAGE}/{provider}", **fields).status_code == 303
    assert shop.send(path, shop.signed(provider)).status_code == 200


@pytest.mark.parametrize(
    ("provider", "typed", "words"),
    [
        ("ses", "https://sns.example.org", "Line 1 is no ARN of the SNS topic"),
        ("sendgrid", "not base64", "Line 1 is no Verification key"),
        ("resend", "whsec_", "Line 1 is no Signing secret"),
        ("mailgun", "short", "Line 1 is no HTTP webhook signing key"),
        ("mailgun", "a key that is long enough\nclé qui est assez longue", "Line 2 is no"),
        ("mailgun", "\n".join(f"a key of some length {n}" for n in range(6)), "At most 5"),
    ],
)
def test_what_can_be_no_key_is_said_and_nothing_is_opened(
    shop: Shop, provider: str, typed: str, words: str
) -> None:
    answer = post(shop.person, f"{PAGE}/{provider}", f"{PAGE}/{provider}", keys=typed)
    assert answer.status_code == 422 and words in unescape(answer.text)
    assert "/feedback/" not in shop.person.get(f"{PAGE}/{provider}").text


def test_the_url_is_there_before_the_key_and_nothing_is_believed_by_it(shop: Shop) -> None:
    """SendGrid and Resend tell their key once they have the URL."""
    assert post(shop.person, f"{PAGE}/resend", f"{PAGE}/resend", keys="").status_code == 303
    page = shop.person.get(f"{PAGE}/resend").text
    found = re.search(r"/feedback/resend/[A-Za-z0-9_-]+", page)
    assert found and "Nothing is believed until" in page
    assert shop.send(found[0], shop.signed("resend")).status_code == 404 and shop.nothing_changed()
    assert shop.switch_on("resend") == found[0]
    assert shop.send(found[0], shop.signed("resend")).status_code == 200


def test_one_that_is_switched_off_is_heard_no_more(shop: Shop) -> None:
    path = shop.switch_on("resend")
    answer = post(shop.person, f"{PAGE}/resend/remove", f"{PAGE}/resend")
    assert answer.status_code == 303
    assert shop.send(path, shop.signed("resend")).status_code == 404 and shop.nothing_changed()
    assert shop.switch_on("resend") != path


def test_there_is_no_other_provider(client: FlaskClient) -> None:
    assert client.get(f"{PAGE}/mandrill").status_code == 404
    assert client.get(PAGE).status_code == 200


def test_a_provider_s_own_password_is_no_other_s(shop: Shop) -> None:
    path = shop.switch_on("postmark")
    signed = Signed({"Authorization": f"Bearer {PASSWORD}"}, shop.signed("postmark").body)
    assert shop.send(path, signed).status_code == 404
