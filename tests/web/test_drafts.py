"""/drafts: the compose form kept as it is, whatever its fields are; opened, sent once, never overwritten."""

from __future__ import annotations

import io
import re
import shutil
import uuid
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from mailroom.database.engine import Database
from mailroom.ledger.drafts import stored, versions
from mailroom.ledger.drafts.stored import ListedDraft
from mailroom.ledger.mailings import mailings
from mailroom.ledger.mailings.mailings import Mailing
from mailroom.ledger.schema import draft_blobs
from tests.web import watching

FETCH = {"X-Requested-With": "fetch"}
PEOPLE = b"email;first name\nann@mail.example;Ann\nnobody;X\nbob@mail.example;Bob\n"
LETTER = {
    "sender": "Shop <ann@shop.example>",
    "reply_to": "help@shop.example",
    "subject": "News for {{ first_name }}",
    "text": "\n Dear {{ first_name }},\n\nwelcome\u00a0& so long.\n",
    "html": "<p>Hello</p>",
    "send_at": "2030-01-31T09:30",
    "time_zone": "Europe/Berlin",
    "purpose": "transactional",
    "undo": "7",
    "undo_bulk_only": "on",
    "canary": "1",
    "canary_minutes": "5",
    "if_unknown": "hold",
    "leave_out": "on",
    "some_field_of_tomorrow": "kept as well",
}
Save = Callable[..., TestResponse]


@pytest.fixture
def database(app: Flask) -> Database:
    found: Database = app.extensions["mailroom"].database
    return found


@pytest.fixture
def token(client: FlaskClient, csrf: Callable[..., str]) -> str:
    return csrf(client)


@pytest.fixture
def post(client: FlaskClient, token: str) -> Save:
    def post(path: str, asked_by: dict[str, str] | None = None, **fields: Any) -> TestResponse:
        data = {"csrf_token": token, **fields}
        return client.post(path, data=data, headers=asked_by, content_type="multipart/form-data")

    return post


@pytest.fixture
def save(post: Save) -> Save:
    """POST /drafts as the form's script does."""
    return lambda **fields: post("/drafts", FETCH, **fields)


def kept(database: Database) -> list[ListedDraft]:
    with database.read() as connection:
        return stored.page(connection, limit=99)


def values(page: str) -> dict[str, list[str]]:
    """What a browser would send of the page's compose form."""
    form = page[
        page.index('<form class="compose"') : page.index("</form>", page.index('<form class="compose"'))
    ]
    found: dict[str, list[str]] = {}
    for tag in re.findall(r"<input [^>]*>", form):
        given = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        is_chosen = given.get("type") not in ("checkbox", "radio") or re.search(r"\bchecked\b", tag)
        if "name" in given and given.get("type") != "file" and is_chosen:
            found.setdefault(given["name"], []).append(unescape(given.get("value", "on")))
    for name, text in re.findall(r'<textarea [^>]*name="(\w+)"[^>]*>\n?(.*?)</textarea>', form, re.S):
        found[name] = [unescape(text)]
    return found


def words(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def files(**more: Any) -> dict[str, Any]:
    return {
        "recipients_file": (io.BytesIO(PEOPLE), "people.csv"),
        "attachments": [(io.BytesIO(b"one" * 60_000), "one.pdf"), (io.BytesIO(b"two"), "two.pdf")],
        **more,
    }


def sent(database: Database) -> list[Mailing]:
    with database.read() as connection:
        return mailings.page(connection)


def test_everything_of_the_form_is_there_when_it_is_opened(
    client: FlaskClient, post: Save, save: Save, app: Flask
) -> None:
    assert post("/settings/zone", zone=LETTER["time_zone"]).status_code == 303
    answer = save(**LETTER, recipients="cid@mail.example", **files())
    assert answer.status_code == 200, answer.text
    shutil.rmtree(app.extensions["mailroom"].settings.home / "uploads")  # a day later, or restored elsewhere
    page = client.get(answer.get_json()["path"])
    assert page.status_code == 200
    form = values(page.text)
    not_shown = {"some_field_of_tomorrow"}
    assert {name: form[name] for name in LETTER if name not in not_shown} == {
        name: [value] for name, value in LETTER.items() if name not in not_shown
    }
    assert form["recipients"] == ["cid@mail.example"]
    said = words(page.text)
    assert "people.csv 2 recipients, kept" in said and "one.pdf 176 KB, kept" in said and "two.pdf" in said
    assert form["draft"] == [answer.get_json()["draft"]] and form["draft_revision"] == ["1"]


def test_what_a_page_of_tomorrow_sends_is_kept_by_its_name(save: Save, database: Database) -> None:
    picture = {"pictures": [(io.BytesIO(b"picture"), "a.png")]}
    uid = save(**LETTER, **picture).get_json()["draft"]
    with database.read() as connection:
        draft = stored.find(connection, uid)
    assert draft and ("some_field_of_tomorrow", "kept as well") in draft.form.fields
    assert [(file.field, file.filename) for file in draft.form.files] == [("kept_pictures", "a.png")]


def test_a_file_is_sent_once_and_stored_once(save: Save, database: Database) -> None:
    first = save(**LETTER, **files()).get_json()
    assert set(first["kept_files"]) == {"recipients_file", "attachments"}
    tokens = re.findall(r'value="([0-9a-f]{32})"', first["kept_files"]["attachments"])
    assert len(tokens) == 2
    again = save(
        **LETTER | {"text": "other"}, kept_attachments=tokens, draft=first["draft"], draft_revision="1"
    ).get_json()
    assert (again["revision"], again["kept_files"]) == (2, {})
    with database.read() as connection:
        draft = stored.find(connection, first["draft"])
        number = connection.execute(select(func.count()).select_from(draft_blobs)).scalar_one()
    assert draft and [file.filename for file in draft.form.files] == ["one.pdf", "two.pdf"]
    assert number == 2, "the list was taken away, and goes"


def test_it_is_listed_renamed_copied_and_deleted(
    client: FlaskClient, save: Save, post: Save, database: Database
) -> None:
    path = save(**LETTER, draft_recipients="12").get_json()["path"]
    said = words(client.get("/drafts").text)
    assert "News for {{ first_name }} 12" in said and "ann@example.org" in said
    post(f"{path}/rename", name="  Spring\nletter ")
    assert post(f"{path}/duplicate").status_code == 303
    assert [one.title for one in kept(database)] == ["Copy of Spring letter", "Spring letter"]
    assert post(f"{path}/remove").location == "/drafts"
    assert [one.title for one in kept(database)] == ["Copy of Spring letter"]
    assert client.get(path).status_code == 404
    assert f"/drafts/{kept(database)[0].uid}" in client.get("/").text, "an empty form tells of it"


def test_a_name_that_turns_round_its_neighbours_is_none(
    client: FlaskClient, save: Save, post: Save, database: Database
) -> None:
    path = save(**LETTER, name="").get_json()["path"]
    before = [one.title for one in kept(database)]
    post(f"{path}/rename", name="invoice \u202efdp.exe")
    assert [one.title for one in kept(database)] == before
    assert "U+202E RIGHT-TO-LEFT OVERRIDE" in client.get(f"{path}/versions").text


def test_without_a_script_there_is_a_button(client: FlaskClient, post: Save, database: Database) -> None:
    answer = post("/drafts", **LETTER, **files())
    assert answer.status_code == 303
    page = client.get(answer.location)
    assert "The draft is kept." in page.text and values(page.text)["subject"] == [LETTER["subject"]]
    assert len(kept(database)) == 1


def test_the_later_save_overwrites_nothing_that_it_has_not_seen(
    client: FlaskClient, save: Save, database: Database
) -> None:
    key = str(uuid.uuid4())
    first = save(**LETTER | files(), idempotency_key=key, draft_writer="a", draft_writes="1").get_json()
    mine = {"draft": first["draft"], "draft_revision": "1"}
    assert first["draft"] == key
    assert save(**LETTER | {"text": "theirs"}, **mine, draft_writer="b", draft_writes="1").status_code == 200
    tokens = re.findall(r'value="([0-9a-f]{32})"', first["kept_files"]["attachments"])
    other = save(
        **LETTER | {"text": "ours"}, **mine, draft_writer="a", draft_writes="2", kept_attachments=tokens
    )
    assert other.status_code == 409 and other.get_json()["other"] == first["path"]
    assert other.get_json()["message"] == (
        "This draft was changed elsewhere meanwhile. What stands here is kept as a draft of its own."
    )
    assert values(client.get(other.get_json()["path"]).text)["text"] == ["ours"]
    assert "one.pdf" in client.get(other.get_json()["path"]).text
    assert values(client.get(first["path"]).text)["text"] == ["theirs"]
    assert len(kept(database)) == 2
    goes_on = {"draft": other.get_json()["draft"], "draft_revision": str(other.get_json()["revision"])}
    answer = save(**LETTER | {"text": "ours, more"}, **goes_on, draft_writer="a", draft_writes="3")
    assert answer.status_code == 200 and len(kept(database)) == 2


def test_an_answer_that_got_lost_makes_no_second_draft(save: Save, database: Database) -> None:
    key = str(uuid.uuid4())
    for number, text in enumerate(("a", "ab", "abc")):
        answer = save(text=text, idempotency_key=key, draft_writer="w", draft_writes=str(number + 1))
        assert answer.status_code == 200
    assert len(kept(database)) == 1


def opened(client: FlaskClient, path: str) -> dict[str, Any]:
    form = values(client.get(path).text)
    return {name: one for name, one in form.items() if name != "csrf_token"}


def test_sending_it_makes_it_the_mailing_and_a_double_send_sends_once(
    app: Flask, client: FlaskClient, save: Save, post: Save, database: Database, csrf: Callable[..., str]
) -> None:
    letter = LETTER | {"send_at": "", "canary": "", "canary_minutes": ""}
    path = save(**letter, **files()).get_json()["path"]
    form = opened(client, path)
    bob = watching.signed_in(app, "bob@example.org")
    his = opened(bob, path)
    first, again = post("/mailings", **form), post("/mailings", **form)
    assert first.status_code == 303, words(first.text)
    assert first.location == again.location
    assert bob.post("/mailings", data={"csrf_token": csrf(bob), **his}).location == first.location
    [mailing] = sent(database)
    assert mailing.total == 2
    with database.read() as connection:
        assert [file.filename for file in watching.files_of(connection, mailing.id)] == ["one.pdf", "two.pdf"]
        draft = stored.find(connection, stored.uid_of_mailing(connection, mailing.id) or "")
        assert draft and [one.reason for one in versions.versions_of_draft(connection, draft.id)] == ["send"]
    assert kept(database) == []
    assert client.get(path).location == f"{path}/versions"
    assert f'href="{path}/versions"' in client.get(first.location).text, "its mailing links to it"
    late = save(**letter | {"text": "more"}, draft=draft.uid, draft_revision=str(draft.revision))
    assert late.status_code == 409 and "was sent meanwhile" in late.get_json()["message"]
    assert len(sent(database)) == 1


def test_a_check_a_test_and_send_are_versions(
    client: FlaskClient, save: Save, post: Save, database: Database
) -> None:
    letter = LETTER | {"send_at": "", "canary": "", "canary_minutes": ""}
    path = save(**letter, **files()).get_json()["path"]
    uid = path.rpartition("/")[2]

    def reasons() -> list[str]:
        with database.read() as connection:
            draft = stored.find(connection, uid)
            assert draft
            return [one.reason.value for one in versions.versions_of_draft(connection, draft.id)]

    check = post("/check", **opened(client, path) | {"text": "checked"}).location
    assert reasons() == ["check"]
    assert "draft" in opened(client, f"{check}/edit")
    post(f"{check}/test", to="")
    assert reasons() == ["check"], "no test was sent"
    post(f"{check}/test", to="ann@example.org")
    assert reasons() == ["test"]
    assert post(f"{check}/send").status_code == 303
    assert reasons() == ["send"] and kept(database) == []


def test_a_version_is_looked_at_and_restored(client: FlaskClient, save: Save, post: Save) -> None:
    first = save(**LETTER, recipients="a@mail.example").get_json()
    form = opened(client, first["path"])
    post("/check", **form | {"text": "Dear all,\nwelcome <b>.\n"})
    later = {"draft": first["draft"], "draft_revision": "2"}
    assert save(**LETTER | {"text": "Dear all,\ngood bye.\n"}, **later).status_code == 200
    page = client.get(f"{first['path']}/versions")
    assert "1 checked" in words(page.text)
    one = client.get(f"{first['path']}/versions/1")
    assert "<b>" not in one.text and "Removed: welcome <b>." in words(one.text)
    assert "Added: good bye." in words(one.text)
    assert client.get(f"{first['path']}/versions/2").status_code == 404
    assert post(f"{first['path']}/versions/1/restore").location == first["path"]
    assert values(client.get(first["path"]).text)["text"] == ["Dear all,\nwelcome <b>.\n"]
    assert post(f"{first['path']}/versions/2/restore").status_code == 303
    assert values(client.get(first["path"]).text)["text"] == ["Dear all,\ngood bye.\n"]


def test_an_old_page_is_given_a_new_token(client: FlaskClient, save: Save, database: Database) -> None:
    answer = save(**LETTER, csrf_token="of a session that is over")
    assert answer.status_code == 400 and kept(database) == []
    assert save(**LETTER, csrf_token=answer.get_json()["csrf_token"]).status_code == 200
    assert len(kept(database)) == 1


def test_who_is_signed_out_is_told_so_and_a_stranger_sees_none(
    stranger: FlaskClient, client: FlaskClient, save: Save
) -> None:
    path = save(**LETTER).get_json()["path"]
    assert stranger.post("/drafts", data=LETTER, headers=FETCH).status_code == 401
    for place in ("/drafts", path, f"{path}/versions"):
        assert stranger.get(place).status_code == 303 and "/sign-in" in stranger.get(place).location


def test_when_there_is_no_room_it_says_so_and_send_sends(
    client: FlaskClient, save: Save, post: Save, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailroom.ledger.drafts.room.MOST_DRAFTS", 1)
    save(**LETTER)
    answer = save(**LETTER)
    assert answer.status_code == 422 and "1 drafts are kept at the most" in answer.get_json()["message"]
    page = post("/drafts", **LETTER)
    assert page.status_code == 422 and "Delete some" in page.text
    letter = LETTER | {
        "send_at": "",
        "canary": "",
        "draft": str(uuid.uuid4()),
        "recipients": "a@mail.example",
    }
    letter |= {"subject": "Hello", "text": "Hello"}
    assert post("/mailings", **letter).status_code == 303
    assert len(sent(database)) == 1
