"""What somebody tries whose authority has ended: removed, given a new password, with a revoked key.

Their ways in: browsers, links, passwords being typed, keys, connections and downloads that are open.
"""

from __future__ import annotations

import re
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, Table, func, select
from werkzeug.test import TestResponse

from app import create_app
from mailroom.content.recipients.parsed import Recipient
from mailroom.database import group_commit
from mailroom.database.engine import Database
from mailroom.engine.accept import thresholds
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Submission
from mailroom.engine.lists import importing, making
from mailroom.ledger import suppressions
from mailroom.ledger.lists import kept, lease
from mailroom.ledger.lists.reach import EVERY_LIST
from mailroom.ledger.mailings import mailings
from mailroom.ledger.people import api_keys, sign_ins, users
from mailroom.ledger.people.users import User
from mailroom.ledger.schema import drafts, lists, templates
from mailroom.ledger.schema import suppressions as suppressions_table
from mailroom.ledger.webhooks import webhook_endpoints, webhook_events
from mailroom.settings import load
from mailroom.web.request import gate
from mailroom.web.sign_in import passwords
from tests.api.conftest import EMAIL, new_key
from tests.ledger.book import CONTENT

T = TypeVar("T")

SECRET = "correct horse battery"
ANOTHER = "another horse battery"
ENDS = ("removed", "a new password by command", "a new password on the page")
NEW_PASSWORDS = ENDS[1:]


@pytest.fixture
def app(settings_env: dict[str, str], database_url: str) -> Iterator[Flask]:
    app = create_app(load({**settings_env, "DATABASE_URL": database_url}))
    app.config["WTF_CSRF_ENABLED"] = False
    yield app
    ledger(app).dispose()


@pytest.fixture
def mallory(app: Flask) -> User:
    with ledger(app).begin() as connection:
        return users.add(connection, "mallory@acme.example", passwords.hashed(SECRET))


@pytest.fixture
def browser(app: Flask, mallory: User) -> FlaskClient:
    return signed_in(app, mallory)


def ledger(app: Flask) -> Database:
    found: Database = app.extensions["mailroom"].database
    return found


def signed_in(app: Flask, user: User) -> FlaskClient:
    with ledger(app).begin() as connection:
        token = sign_ins.start(connection, user.id, "", "")
    client = app.test_client()
    with client.session_transaction() as session:
        session[gate.TOKEN] = token
    return client


def end(app: Flask, user: User, way: str) -> str:
    """Takes their authority away; what was said about it."""
    if way == "a new password on the page":
        form = {"password": SECRET, "new_password": ANOTHER}
        return signed_in(app, user).post("/settings/password", data=form, follow_redirects=True).text
    command = "remove" if way == "removed" else "password"
    done = app.test_cli_runner().invoke(args=["users", command, user.email], input=f"{ANOTHER}\n")
    assert done.exit_code == 0, done.output
    return str(done.output)


def make_key(browser: FlaskClient, name: str, *scopes: str) -> str:
    page = browser.post("/keys", data={"name": name, "scopes": list(scopes)}, follow_redirects=True).text
    found = re.search(r"mr_[A-Za-z0-9]{43}", page)
    assert found, page
    return found[0]


def opens(app: Flask, key: str) -> bool:
    answer = app.test_client().post("/api/v1/emails", json=EMAIL, headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code in (200, 403)
    return answer.status_code == 200


@pytest.mark.parametrize("way", ENDS)
def test_their_browsers_and_links_are_over(app: Flask, mallory: User, browser: FlaskClient, way: str) -> None:
    with ledger(app).begin() as connection:
        link = f"/sign-in?token={users.make_link(connection, mallory.id)}"
    end(app, mallory, way)
    assert browser.get("/mailings").status_code == 303
    assert browser.post("/keys", data={"name": "x", "scopes": "admin"}).status_code == 401
    stranger = app.test_client()
    stranger.get(link)
    assert stranger.get("/mailings").status_code == 303


def test_a_copied_cookie_does_not_outlive_a_new_password(
    app: Flask, mallory: User, browser: FlaskClient
) -> None:
    with browser.session_transaction() as session:
        copied = session[gate.TOKEN]
    form = {"password": SECRET, "new_password": ANOTHER}
    assert browser.post("/settings/password", data=form).status_code == 303
    thief = app.test_client()
    with thief.session_transaction() as session:
        session[gate.TOKEN] = copied
    assert (browser.get("/mailings").status_code, thief.get("/mailings").status_code) == (200, 303)


def test_every_key_that_a_removed_person_made_is_dead(
    app: Flask, mallory: User, browser: FlaskClient
) -> None:
    keys = [make_key(browser, f"key {scope}", scope) for scope in ("admin", "send")]
    said = end(app, mallory, "removed")
    assert not any(opens(app, key) for key in keys)
    assert "“key admin”, “key send”" in said


@pytest.mark.parametrize("way", NEW_PASSWORDS)
def test_a_new_password_ends_their_admin_keys(
    app: Flask, mallory: User, browser: FlaskClient, way: str
) -> None:
    admin, sender = make_key(browser, "all", "send", "admin"), make_key(browser, "the shop", "send")
    said = end(app, mallory, way)
    assert (opens(app, admin), opens(app, sender)) == (False, True)
    assert "“all”" in said or "1 admin key" in said


@pytest.mark.parametrize("way", ENDS)
def test_keys_of_others_and_of_commands_go_on(app: Flask, mallory: User, way: str) -> None:
    with ledger(app).begin() as connection:
        ann = users.add(connection, "ann@acme.example", None)
    keys = [make_key(signed_in(app, ann), "hers", "admin"), new_key(ledger(app))]
    end(app, mallory, way)
    assert all(opens(app, key) for key in keys)


def test_what_a_removed_person_s_program_sent_is_reached_by_a_successor(
    app: Flask, mallory: User, browser: FlaskClient
) -> None:
    key = make_key(browser, "the shop", "send")
    headers = {"Authorization": f"Bearer {key}"}
    letter = {**EMAIL, "scheduled_at": "in 2 days"}
    sent = app.test_client().post("/api/v1/emails", json=letter, headers=headers)
    uid = (sent.get_json() or {})["id"]
    end(app, mallory, "removed")
    with ledger(app).read() as connection:
        (old,) = api_keys.everyone(connection)
    run = app.test_cli_runner().invoke
    new = run(args=["keys", "add", "the shop 2", "--scope", "send", "--shares-with", str(old.id)])
    headers = {"Authorization": f"Bearer {new.output.splitlines()[-1]}"}
    assert app.test_client().post(f"/api/v1/emails/{uid}/cancel", headers=headers).status_code == 200


def in_between(
    app: Flask, act: Callable[[], object], meanwhile: Callable[[], object], writes: int = 0
) -> None:
    """Runs `act` in a thread until it writes to the ledger, after so many writes; then all of `meanwhile`;
    then its rest."""
    database, waits, goes_on = ledger(app), threading.Event(), threading.Event()
    begin, together, actor = database.begin, group_commit.write, threading.Thread(target=act)
    at_once = database.begin_at_once
    begun = iter(range(writes))

    def wait() -> None:
        if threading.current_thread() is actor and next(begun, None) is None:
            waits.set()
            assert goes_on.wait(20)

    def held():  # type: ignore[no-untyped-def]
        wait()
        return begin()

    def held_at_once():  # type: ignore[no-untyped-def]
        if not database.is_sqlite:  # there it is begin()
            wait()
        return at_once()

    def held_together(
        database: Database,
        work: Callable[[Connection], T],
        meanwhile: Callable[[T], object] = lambda result: None,
    ) -> T:
        wait()
        return together(database, work, meanwhile)

    database.begin = held  # type: ignore[method-assign]
    database.begin_at_once = held_at_once  # type: ignore[method-assign]
    group_commit.write = held_together
    try:
        actor.start()
        assert waits.wait(20)
        meanwhile()
    finally:
        goes_on.set()
        actor.join(20)
        database.begin = begin  # type: ignore[method-assign]
        database.begin_at_once = at_once  # type: ignore[method-assign]
        group_commit.write = together


@pytest.mark.parametrize("way", ENDS)
def test_a_key_is_not_made_by_who_is_let_go_meanwhile(
    app: Flask, mallory: User, browser: FlaskClient, way: str
) -> None:
    in_between(
        app,
        lambda: browser.post("/keys", data={"name": "x", "scopes": "admin"}),
        lambda: end(app, mallory, way),
    )
    with ledger(app).read() as connection:
        assert api_keys.everyone(connection) == []


@pytest.mark.parametrize("act", ["make", "change", "enable"])
def test_a_webhook_is_not_set_up_by_who_is_let_go_meanwhile(
    app: Flask, mallory: User, browser: FlaskClient, act: str
) -> None:
    with ledger(app).begin() as connection:
        number = webhook_endpoints.add(connection, "https://shop.example/hooks", ["bounced"])
        webhook_endpoints.disable(connection, number, "by hand")
        before = webhook_endpoints.everyone(connection)
    path = {"make": "", "change": f"/{number}", "enable": f"/{number}/enable"}[act]
    form = {"url": "https://thief.example/", "events": list(webhook_events.EVENTS)}
    in_between(app, lambda: browser.post(f"/webhooks{path}", data=form), lambda: end(app, mallory, "removed"))
    with ledger(app).read() as connection:
        assert webhook_endpoints.everyone(connection) == before


def form_to(number: int) -> dict[str, str]:
    people = "\n".join(f"p{at}@mail.example" for at in range(number))
    return {"sender": "a@acme.example", "subject": "Hi", "text": "Hi", "recipients": people}


@pytest.mark.parametrize("way", ENDS)
@pytest.mark.parametrize(("number", "writes"), [(1, 0), (600, 0), (600, 1)])
def test_what_a_person_hands_in_while_they_are_let_go_is_not_accepted(
    app: Flask,
    mallory: User,
    browser: FlaskClient,
    way: str,
    number: int,
    writes: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As with keys: however long it takes to be read or written."""
    monkeypatch.setattr(thresholds, "STAGED_AT_ONCE", 200)
    answers: list[int] = []

    def hand_in() -> None:
        answers.append(browser.post("/mailings", data=form_to(number)).status_code)

    in_between(app, hand_in, lambda: end(app, mallory, way), writes)
    assert answers == [401]
    with ledger(app).read() as connection:
        assert mailings.page(connection, limit=10) == []


def test_a_repeat_is_not_set_up_or_sent_by_who_is_let_go_meanwhile(
    app: Flask, mallory: User, browser: FlaskClient
) -> None:
    with ledger(app).begin() as connection:
        bob = users.add(connection, "bob@acme.example", passwords.hashed(SECRET))
    rule = {"repeat": "daily 09:00", "repeat_zone": "UTC"}
    made = signed_in(app, bob).post("/mailings", data=form_to(2) | rule)
    assert made.status_code == 303 and "/repeats/" in made.location, made.text
    in_between(app, lambda: browser.post(f"{made.location}/send"), lambda: end(app, mallory, "removed"))
    with ledger(app).read() as connection:
        assert mailings.page(connection, limit=10) == []


@pytest.mark.parametrize("way", ENDS)
def test_a_password_is_not_set_by_who_is_let_go_meanwhile(
    app: Flask, mallory: User, browser: FlaskClient, way: str
) -> None:
    form = {"password": SECRET, "new_password": "the password of a thief"}
    in_between(app, lambda: browser.post("/settings/password", data=form), lambda: end(app, mallory, way))
    assert passwords.user_of(ledger(app), mallory.email, form["new_password"]) == (None, None)


@pytest.mark.parametrize("way", ENDS)
def test_the_old_password_signs_nobody_in_meanwhile(app: Flask, mallory: User, way: str) -> None:
    thief = app.test_client()
    form = {"email": mallory.email, "password": SECRET}
    in_between(app, lambda: thief.post("/sign-in", data=form), lambda: end(app, mallory, way))
    assert thief.get("/mailings").status_code == 303


def test_a_download_breaks_off_for_who_is_signed_out(app: Flask, mallory: User, browser: FlaskClient) -> None:
    people = [Recipient(f"p{number}@mail.example") for number in range(3_500)]
    mailing = accept(ledger(app), app.extensions["mailroom"].queue, Submission(CONTENT, people))
    with ledger(app).begin() as connection:
        suppressions.add(connection, [one.address for one in people])
    downloads = []
    for path in (f"/mailings/{mailing.mailing_id}/deliveries.csv", "/suppressions.csv"):
        downloads.append(iter(browser.get(path, buffered=False).response))
        next(downloads[-1]), next(downloads[-1])
    end(app, mallory, "removed")
    for chunks in downloads:
        with pytest.raises(Exception, match="401"):
            list(chunks)


def test_a_key_whose_time_is_over_meanwhile_reaches_nothing(app: Flask) -> None:
    key = new_key(ledger(app), scopes=["send"])
    headers = {"Authorization": f"Bearer {key}"}
    letter = {**EMAIL, "scheduled_at": "in 2 days"}
    uid = (app.test_client().post("/api/v1/emails", json=letter, headers=headers).get_json() or {})["id"]
    with ledger(app).read() as connection:
        found = api_keys.find(connection, key)
    assert found is not None
    answers: list[int] = []

    def cancel() -> None:
        answer = app.test_client().post(f"/api/v1/emails/{uid}/cancel", headers=headers)
        answers.append(answer.status_code)

    def revoke() -> None:
        with ledger(app).begin() as connection:
            api_keys.revoke(connection, found.id)

    time.sleep(0.3)  # the note of its last use is written by now
    in_between(app, cancel, revoke)
    assert answers == [404]


PEOPLE = [{"address": f"p{number}@mail.example"} for number in range(600)]
TO_MANY = {"from": "a@acme.example", "subject": "Hi", "text": "Hi"}
WHOLE = b64encode(b"From: a@acme.example\r\nSubject: Hi\r\n\r\nHi\r\n").decode()

HANDED_IN: dict[str, tuple[str, Any]] = {
    "an email": ("/emails", EMAIL),
    "several emails": ("/emails/batch", [EMAIL, EMAIL]),
    "a whole message": (
        "/emails/raw",
        {"from": "a@acme.example", "recipients": ["b@mail.example"], "message": WHOLE},
    ),
    "a mailing": ("/mailings", {**TO_MANY, "recipients": PEOPLE[:2]}),
    "a large mailing": ("/mailings", {**TO_MANY, "recipients": PEOPLE}),
    "a draft": ("/drafts/{draft}/send", None),
    "a repeat": ("/repeats", {**TO_MANY, "recipients": PEOPLE[:2], "rule": "daily 09:00", "zone": "UTC"}),
    "a repeat's mailing": ("/repeats/{repeat}/send", None),
}


@pytest.mark.parametrize("handed_in", HANDED_IN.values(), ids=HANDED_IN)
def test_what_a_key_hands_in_while_it_is_revoked_is_not_accepted(
    app: Flask, handed_in: tuple[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thresholds, "STAGED_AT_ONCE", 200)
    path, body = handed_in
    answer = _revoked_after(app, path, body, 0)
    assert answer == (403, "invalid_api_key")
    with ledger(app).read() as connection:
        assert mailings.page(connection, limit=10) == []


def test_a_large_mailing_is_not_accepted_when_its_key_is_revoked_while_it_is_written(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thresholds, "STAGED_AT_ONCE", 200)
    answer = _revoked_after(app, *HANDED_IN["a large mailing"], 1)
    assert answer == (403, "invalid_api_key")
    with ledger(app).read() as connection:
        assert mailings.page(connection, limit=10) == []


MADE = {
    "a draft": ("/drafts", TO_MANY, drafts),
    "a template": ("/templates", {"name": "Mine", "text": "Hi"}, templates),
    "a list": ("/lists", {"name": "Mine"}, lists),
    "a suppression": ("/suppressions", {"address": "eve@mail.example"}, suppressions_table),
    "no suppression": ("/suppressions/remove", {"address": "ann@mail.example"}, suppressions_table),
}


@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
def test_what_a_key_makes_while_it_is_revoked_is_not_there(app: Flask, made: tuple[str, Any, Table]) -> None:
    path, body, table = made
    with ledger(app).begin() as connection:
        suppressions.add(connection, ["ann@mail.example"])
    answer = _revoked_after(app, path, body, 0, scope="admin")
    assert answer == (403, "invalid_api_key")
    with ledger(app).read() as connection:
        number = connection.execute(select(func.count()).select_from(table)).scalar_one()
    assert number == (1 if table in (drafts, suppressions_table) else 0)  # what was there before


LISTS = ("an import", "an import that replaces", "a list of a list", "a list of a mailing")


@pytest.mark.parametrize("writes", [0, 1, 2, 3])
@pytest.mark.parametrize("act", LISTS)
def test_what_a_key_does_to_lists_ends_with_it(
    app: Flask, act: str, writes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key ends before each of the transactions: the last one, too, asks for it."""
    for module in (importing, making):
        monkeypatch.setattr(module, "MEMBERS_AT_ONCE", 300)
    with ledger(app).begin() as connection:
        key = api_keys.add(connection, "x", scopes=["send"])[0]
    headers = {"Authorization": f"Bearer {key}"}

    def ask(path: str, body: Any) -> Any:
        return app.test_client().post(f"/api/v1{path}", json=body, headers=headers).get_json()

    mine = ask("/lists", {"name": "Mine"})["id"]
    assert ask(f"/lists/{mine}/import", PEOPLE)["added"] == 600
    mailing = ask("/mailings", {**TO_MANY, "recipients": PEOPLE, "scheduled_at": "in 2 days"})["id"]
    others = [{"address": f"other{number}@mail.example"} for number in range(600)]
    path, body = {
        "an import": (f"/lists/{mine}/import", others),
        "an import that replaces": (f"/lists/{mine}/import?mode=replace", others),
        "a list of a list": ("/lists/from-list", {"list": mine, "name": "Theirs"}),
        "a list of a mailing": (
            "/lists/from-mailing",
            {"mailing": mailing, "outcome": "queued", "name": "Theirs"},
        ),
    }[act]
    answer = _revoked_after(app, path, body, writes, key=key)
    assert answer[0] in (403, 404), answer
    with ledger(app).read() as connection:
        (left,) = kept.page(connection, EVERY_LIST, limit=10)  # and no other
        assert lease.is_half_done(connection, left) == (writes > 0 and "import" in act)


def _revoked_after(
    app: Flask, path: str, body: Any, writes: int, scope: str = "send", key: str = ""
) -> tuple[int, str]:
    """What is answered when the key ends after so many writes of the request."""
    key, answers = key or new_key(ledger(app), scopes=[scope]), list[tuple[int, str]]()
    headers = {"Authorization": f"Bearer {key}"}

    def post(path: str, body: Any) -> TestResponse:
        return app.test_client().post(f"/api/v1{path}", json=body, headers=headers)

    many = {**TO_MANY, "recipients": PEOPLE[:2]}
    made = {
        "draft": post("/drafts", many),
        "repeat": post("/repeats", {**many, "rule": "daily 09:00", "zone": "UTC"}),
    }
    path = path.format(**{kind: (answer.get_json() or {})["id"] for kind, answer in made.items()})

    def hand_in() -> None:
        answer = post(path, body)
        answers.append((answer.status_code, (answer.get_json() or {}).get("name", "")))

    def revoke() -> None:
        with ledger(app).begin() as connection:
            found = api_keys.find(connection, key)
            assert found is not None
            api_keys.revoke(connection, found.id)

    time.sleep(0.3)  # the note of its last use is written by now
    in_between(app, hand_in, revoke, writes)
    return answers[0]
