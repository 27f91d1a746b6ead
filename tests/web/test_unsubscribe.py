"""The unsubscribe link: asked for by people, by mail programs and by scanners; good, forged and damaged."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import delete, event
from sqlalchemy.exc import OperationalError

from app import create_app
from mailroom.content.recipients.parsed import Recipient
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Submission
from mailroom.ledger import suppressions
from mailroom.ledger.consent import link_keys
from mailroom.ledger.consent.scopes import Scope
from mailroom.ledger.schema import deliveries
from mailroom.ledger.suppressions import Suppression
from mailroom.settings import load
from mailroom.web.unsubscribe import ring as rings
from tests.links import NEWS, links_of, of_list
from tests.web.watching import signed_in

SENDER = "news@acme.example"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
ALL, BULK, DIGEST = Scope(), Scope(SENDER), Scope(SENDER, "digest")


class Reader:
    """Somebody with a mail, and no cookie."""

    def __init__(self, app: Flask, list_name: str = "") -> None:
        self.app, self.content = app, of_list(list_name) if list_name else NEWS
        self.database = app.extensions["mailroom"].database
        people = [Recipient("Ann@mail.example"), Recipient("bob@mail.example")]
        self.mailing_id = accept(
            self.database, app.extensions["mailroom"].queue, Submission(self.content, people)
        ).mailing_id
        self.link = links_of(self.database, self.mailing_id, self.content)["ann@mail.example"]
        self.client = app.test_client(use_cookies=False)

    def listed(self) -> list[Suppression]:
        with self.database.read() as connection:
            return suppressions.page(connection)

    def scopes(self) -> list[Scope]:
        return [one.scope for one in self.listed()]


@pytest.fixture
def app(settings_env: dict[str, str], database_url: str) -> Iterator[Flask]:
    app = create_app(load({**settings_env, "DATABASE_URL": database_url}))
    yield app
    app.extensions["mailroom"].database.dispose()


@pytest.fixture
def reader(app: Flask) -> Reader:
    return Reader(app)


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_one_click_needs_nothing_but_the_link(reader: Reader, content_type: str) -> None:
    cross = {"Origin": "https://mail.provider.example", "Sec-Fetch-Site": "cross-site"}
    answer = reader.client.post(reader.link, data=ONE_CLICK, content_type=content_type, headers=cross)
    assert answer.status_code == 200 and "Set-Cookie" not in answer.headers
    (one,) = reader.listed()
    assert (one.address_key, one.scope, one.reason) == ("ann@mail.example", BULK, "unsubscribed")
    assert (one.mailing_id, one.evidence) == (reader.mailing_id, "its own link, in one click")
    again = reader.client.post(reader.link, data=ONE_CLICK)
    assert again.status_code == 200 and reader.listed() == [one]


@pytest.mark.parametrize(
    "body",
    [b"", b"List-Unsubscribe=One-Click", b"--x\r\nnonsense", b"\xff\x00\xfe"],
    ids=["empty", "bare", "broken", "octets"],
)
def test_it_holds_however_a_mail_program_posts_it(reader: Reader, body: bytes) -> None:
    kinds = [None, "text/plain", "multipart/form-data", "multipart/form-data; boundary=x"]
    for kind in kinds:
        headers = {"Content-Type": kind} if kind else {}
        answer = reader.client.post(reader.link, data=body, headers=headers)
        assert answer.status_code == 200, kind
        assert reader.scopes() == [BULK]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PROPFIND"])
def test_what_follows_links_changes_nothing(reader: Reader, method: str) -> None:
    answer = reader.client.open(reader.link, method=method, headers={"Purpose": "prefetch"})
    assert answer.status_code == 200 if method in ("GET", "HEAD", "OPTIONS") else answer.status_code > 300
    assert reader.listed() == []


def test_the_page_asks_says_and_takes_back(reader: Reader) -> None:
    page = reader.client.get(reader.link)
    assert page.status_code == 200 and SENDER in page.text and "ann@" not in page.text.lower()
    assert "<script" not in page.text and "src=" not in page.text
    done = reader.client.post(reader.link, data={"do": "unsubscribe", "scope": "sender"})
    assert "You are unsubscribed" in done.text and "That was a mistake" in done.text
    assert reader.scopes() == [BULK] and "on the page" in reader.listed()[0].evidence
    assert "You are unsubscribed" in reader.client.get(reader.link).text
    back = reader.client.post(reader.link, data={"do": "take-back", "scope": "sender"})
    assert "You are subscribed again" in back.text and reader.listed() == []


def test_a_list_narrows_it_and_more_can_be_chosen(app: Flask) -> None:
    reader = Reader(app, "digest")
    assert reader.client.post(reader.link, data=ONE_CLICK).status_code == 200
    assert reader.scopes() == [DIGEST]
    for word, scopes in (("sender", [BULK, DIGEST]), ("all", [ALL, BULK, DIGEST])):
        reader.client.post(reader.link, data={"do": "unsubscribe", "scope": word})
        assert reader.scopes() == scopes
    reader.client.post(reader.link, data={"do": "take-back", "scope": "all"})
    assert reader.scopes() == [BULK, DIGEST], "exactly that"
    assert Reader(app).client.post("/unsubscribe/x", data={"scope": "list"}).status_code == 404


def test_only_what_this_link_did_is_taken_back(app: Flask, reader: Reader) -> None:
    other = Reader(app)
    assert other.link != reader.link
    reader.client.post(reader.link, data=ONE_CLICK)
    with reader.database.begin() as connection:
        suppressions.add(connection, ["ann@mail.example"], "complained")
    for link, scope in ((other.link, "sender"), (reader.link, "all"), (other.link, "all")):
        reader.client.post(link, data={"do": "take-back", "scope": scope})
    assert reader.scopes() == [ALL, BULK]
    assert "That was a mistake" not in other.client.get(other.link).text


def test_to_err_all_day_long_has_an_end_and_to_unsubscribe_has_none(reader: Reader) -> None:
    statuses = []
    for _ in range(12):
        assert reader.client.post(reader.link, data=ONE_CLICK).status_code == 200
        statuses.append(reader.client.post(reader.link, data={"do": "take-back"}).status_code)
    assert statuses == [200] * 10 + [429] * 2
    assert reader.scopes() == [BULK]


def forged(link: str) -> list[str]:
    """Links that nobody made."""
    path, _, token = link.rpartition("/")
    middle = len(token) // 2
    swapped = "A" if token[middle] != "A" else "B"
    return [
        f"{path}/",
        path,
        f"{path}/x",
        f"{path}/{token[:-3]}",
        f"{path}/{token}/",
        f"{path}//{token}",
        f"{path}/x/../{token[1:]}",
        f"{path}/{token}AAAA",
        f"{path}/{token[:middle]}{swapped}{token[middle + 1 :]}",
        f"{path}/{token.swapcase()}",
        f"{path}/{'A' * 3000}",
        f"{path}/%00",
        f"{path}/{token}%0d%0aSet-Cookie:x",
        f"{path}/%F0%9F%92%A9",
        *(f"{path}/{first}{token[1:]}" for first in string.ascii_letters if first != token[0]),
    ]


def test_a_forged_or_damaged_link_has_one_answer_and_asks_no_ledger(reader: Reader) -> None:
    reader.client.get(reader.link)  # the ring is read
    asked: list[str] = []
    app_ring = reader.app.extensions[rings.RING_NAME]
    event.listen(reader.database.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    bodies, headers = set(), set()
    for link in forged(reader.link):
        for method in ("GET", "POST"):
            app_ring._read_at = float("inf")  # read just now, whatever the machine's speed
            answer = reader.client.open(link, method=method, data=ONE_CLICK if method == "POST" else None)
            bodies.add(re.sub(r' action="[^"]*"', "", answer.text))
            headers.add((answer.status_code, answer.headers["Cache-Control"], answer.headers["Vary"]))
    assert len(bodies) == 1 and "This link does not work" in bodies.pop()
    assert len(headers) == 1 and headers.pop()[0] == 404
    assert [sql for sql in asked if "PRAGMA" not in sql] == []
    assert reader.listed() == []


def test_a_stranger_who_names_keys_makes_the_ring_be_read_once_a_second(reader: Reader) -> None:
    reader.client.get(reader.link)
    asked: list[str] = []
    event.listen(reader.database.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    token = reader.link.rpartition("/")[2]
    for first in string.ascii_uppercase:
        reader.client.get(f"/unsubscribe/{first}w{token[2:]}")
    assert len([sql for sql in asked if "link_keys" in sql]) <= 2


def test_it_speaks_four_languages(reader: Reader) -> None:
    for accept_language, language, word in (
        ("de-AT,de;q=0.9,en;q=0.8", "de", "Abbestellen"),
        ("fr", "fr", "Se désabonner"),
        ("pt-BR, es-419;q=0.5", "es", "Darse de baja"),
        ("ja", "en", "Unsubscribe"),
        ("%%;q=nonsense,,", "en", "Unsubscribe"),
    ):
        page = reader.client.get(reader.link, headers={"Accept-Language": accept_language})
        assert f'<html lang="{language}">' in page.text and word in page.text
        assert page.headers["Content-Language"] == language and "Accept-Language" in page.headers["Vary"]


def test_nobody_indexes_keeps_frames_or_learns_of_the_page(reader: Reader) -> None:
    for link in (reader.link, "/unsubscribe/x"):
        headers = reader.client.get(link).headers
        assert headers["Referrer-Policy"] == "no-referrer" and headers["Cache-Control"] == "no-store"
        assert "noindex" in headers["X-Robots-Tag"]
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy and "script-src" not in policy


def test_a_link_outlives_its_delivery_and_tells_restored_ones_apart(reader: Reader) -> None:
    """Retention deletes the row; after a restore its number may be somebody else's."""
    with reader.database.begin() as connection:
        connection.execute(delete(deliveries).where(deliveries.c.address_key == "ann@mail.example"))
    assert reader.client.post(reader.link, data=ONE_CLICK).status_code == 200
    (one,) = reader.listed()
    assert (one.address_key, one.scope, one.mailing_id) == ("ann@mail.example", BULK, None)


def test_a_new_secret_key_and_a_new_link_key_leave_old_links_alone(
    reader: Reader, settings_env: dict[str, str]
) -> None:
    with reader.database.begin() as connection:
        assert link_keys.add(connection) == 2
    newer = links_of(reader.database, reader.mailing_id)["bob@mail.example"]
    changed = {**settings_env, "DATABASE_URL": reader.database.url, "SECRET_KEY": "quite another secret"}
    app = create_app(load(changed))
    for link in (reader.link, newer):
        assert app.test_client().post(link, data=ONE_CLICK).status_code == 200
    app.extensions["mailroom"].database.dispose()
    assert [one.address_key for one in reader.listed()] == ["ann@mail.example", "bob@mail.example"]


def test_by_its_own_host_name_nothing_else_is_served(settings_env: dict[str, str]) -> None:
    own = {"MAILROOM_UNSUBSCRIBE_URL": "https://off.acme.example", "MAILROOM_PUBLIC_URL": "https://a.example"}
    app = create_app(load({**settings_env, **own}))
    reader = Reader(app)
    client = app.test_client()
    for path in ("/", "/sign-in", "/healthz", "/metrics", "/api/v1/openapi.json", "/static/css/base.css"):
        for host in ("off.acme.example", "OFF.acme.example:443", "off.acme.example."):
            answer = client.get(path, headers={"Host": host})
            assert answer.status_code == 404 and "This link does not work" in answer.text, (path, host)
    for host in ("off.acme.example", "a.example"):
        assert client.get(reader.link, headers={"Host": host}).status_code == 200
        assert client.post(reader.link, data=ONE_CLICK, headers={"Host": host}).status_code == 200
    answer = client.post("/sign-in", headers={"Host": "off.acme.example"})
    assert answer.status_code == 404
    assert client.get("/sign-in", headers={"Host": "a.example"}).status_code == 200
    reader.database.dispose()


def test_while_the_ledger_is_away_nobody_is_told_it_was_done(reader: Reader) -> None:
    reader.client.get(reader.link)

    def away(*_: object) -> None:
        raise OperationalError("", None, Exception("away"))

    event.listen(reader.database.engine, "begin", away)
    answer = reader.client.post(reader.link, data=ONE_CLICK)
    assert answer.status_code == 503 and "Nothing was changed" in answer.text
    assert answer.headers["Retry-After"] == "60"
    event.remove(reader.database.engine, "begin", away)
    assert reader.listed() == []


def test_people_see_who_unsubscribed_from_what(app: Flask, reader: Reader) -> None:
    reader.client.post(reader.link, data=ONE_CLICK)
    page = signed_in(app).get("/suppressions").text
    assert "ann@mail.example" in page and f"from <bdi>{SENDER}</bdi>" in page
    assert f'href="/mailings/{reader.mailing_id}"' in page and "its own link, in one click" in page
