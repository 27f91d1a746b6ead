"""From a mailing's page to a new one: the letter as it was, to those who failed, or who did not bounce."""

from __future__ import annotations

import csv
import re
from email.message import EmailMessage
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, update

from mailroom.content.whole.original import HandedIn
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.handed_in import submission_of
from mailroom.ledger import suppressions
from mailroom.ledger.deliveries import deliveries
from mailroom.ledger.schema import contents
from mailroom.ledger.schema import deliveries as deliveries_table
from mailroom.web.compose import prefill
from tests.web.watching import a_mailing, ledger, post

VALUES = [
    {"first_name": "Ann", "primary_email": "wrong@example.org", "note": "=1+1"},
    {"first_name": "Bo", "primary_email": "", "note": 'He said "no";\r\n-5, @home'},
    {"first_name": "", "primary_email": "bad@example.org", "note": "'+1"},
]
FAILED: list[dict[str, Any]] = [
    {"state": "failed", "address": f"f{n}@example.org", "name": name, "variables": VALUES[n]}
    for n, name in enumerate(("Ann Lee", "Bo, the Elder", ""))
]
SENT = {"state": "sent", "address": "sent@example.org", "variables": VALUES[0]}
BOUNCED = {"state": "bounced", "address": "bounced@example.org"}
SUPPRESSED = {"state": "suppressed", "address": "suppressed@example.org"}


def with_columns(app: Flask, *rows: dict[str, Any], **values: Any) -> int:
    mailing_id = a_mailing(ledger(app), *rows, **values)
    said = {"columns": list(VALUES[0]), "text": "Dear {{ first_name }}", "html": "<p>Hi</p>"}
    with ledger(app).begin() as connection:
        connection.execute(update(contents).where(contents.c.mailing_id == mailing_id).values(said))
    return mailing_id


def field(page: str, name: str) -> str:
    """What is typed, chosen or hidden in it."""
    area = re.search(rf'<textarea[^>]* name="{name}"[^>]*>\n(.*?)</textarea>', page, re.S)
    plain = re.search(rf'<input[^>]* name="{name}"[^>]* value="([^"]*)"', page)
    chosen = re.search(rf'<select[^>]* name="{name}".*?value="([^"]*)" selected', page, re.S)
    found = area or plain or chosen
    assert found, f"no field {name}"
    return unescape(found[1])


def offers(page: str) -> dict[str, str]:
    """Where each of the links leads, by its words."""
    links = re.findall(r'<a [^>]*href="([^"]*)"[^>]*>(.*?)</a>', page, re.S)
    told = [(href, words.partition("New mailing to those ")[2].strip()) for href, words in links]
    return {words: unescape(href) for href, words in told if words}


def test_the_page_leads_there(app: Flask, client: FlaskClient) -> None:
    mailing_id = a_mailing(ledger(app), FAILED[0], SENT, BOUNCED, SUPPRESSED)
    page = f"/mailings/{mailing_id}"
    form = f"/?copy={mailing_id}&to="
    both = {"who failed": f"{form}failed", "who did not bounce": f"{form}not_bounced"}
    assert offers(client.get(page).text) == both
    assert offers(client.get(f"{page}/progress").text) == both
    of_bounced = offers(client.get(f"{page}?state=bounced").text)
    assert of_bounced == {"whose state is bounced": f"{form}bounced"}
    assert offers(client.get(f"{page}?state=queued").text) == {}, "nobody is"
    assert offers(client.get(f"/mailings/{a_mailing(ledger(app), BOUNCED)}").text) == {}


def test_few_are_typed_into_the_form(app: Flask, client: FlaskClient) -> None:
    mailing_id = a_mailing(
        ledger(app), FAILED[1], SENT, BOUNCED, SUPPRESSED, purpose="bulk", list_name="news"
    )
    page = client.get(f"/?copy={mailing_id}&to=failed").text
    assert field(page, "recipients") == '"Bo, the Elder" <f1@example.org>'
    assert (field(page, "subject"), field(page, "list")) == ("The spring newsletter", "news")
    page = client.get(f"/?copy={mailing_id}&to=not_bounced").text
    assert field(page, "recipients") == "sent@example.org"
    assert "Who would get it" in page and "<strong>1</strong> gets it" in page
    with ledger(app).begin() as connection:
        suppressions.add(connection, ["f1@example.org"])
    assert "<strong>1</strong> on the suppression list" in client.get(f"/?copy={mailing_id}&to=failed").text


def test_values_and_names_come_along(app: Flask, client: FlaskClient) -> None:
    """A column that looks more like that of addresses does not become it."""
    mailing_id = with_columns(app, *FAILED, SENT, BOUNCED)
    page = client.get(f"/?copy={mailing_id}&to=failed").text
    assert "<strong>3</strong> get it" in page and "Ann Lee" in page, "the form's table shows them"
    names = ("sender", "subject", "text", "html", "kept_recipients_file", "recipients_column")
    typed = {name: field(page, name) for name in names}
    assert typed["text"] == "Dear {{ first_name }}"
    made = post(client, "/mailings", "/", **typed)
    assert made.status_code == 303, made.text
    with ledger(app).read() as connection:
        found = deliveries.page(connection, int(made.location.rpartition("/")[2]))
    wanted = [(one["address"], one["name"], one["variables"]) for one in FAILED]
    assert [(one.address, one.name, one.variables) for one in found] == wanted


def test_a_whole_copy_keeps_its_column_of_addresses_too(app: Flask, client: FlaskClient) -> None:
    page = client.get(f"/?copy={with_columns(app, *FAILED)}").text
    assert field(page, "recipients_column") == "1"


def test_many_travel_as_a_file(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefill, "MOST_PASTED", 2)
    many = [{"state": "failed", "address": f"{n}@example.org", "name": f"N {n}"} for n in range(1_500)]
    mailing_id = a_mailing(ledger(app), *many, SENT)
    page = client.get(f"/?copy={mailing_id}&to=failed").text
    assert field(page, "recipients") == "" and "1,500 recipients" in page
    assert f"recipients of mailing {mailing_id}.csv" in page
    (kept,) = (app.extensions["mailroom"].settings.home / "uploads").glob(
        f"*/{field(page, 'kept_recipients_file')}"
    )
    rows = list(csv.reader(kept.read_text().splitlines()))
    assert rows[0] == ["email", "name"] and rows[-1] == ["1499@example.org", "N 1499"]
    assert len(rows) == 1_501


def test_where_the_letter_is_not_kept_its_recipients_are(app: Flask, client: FlaskClient) -> None:
    mailing_id = with_columns(app, *FAILED, SENT)
    with ledger(app).begin() as connection:
        connection.execute(delete(contents))
    page = client.get(f"/?copy={mailing_id}&to=failed").text
    assert "Its recipients are here: write the letter anew." in page
    assert (field(page, "subject"), field(page, "text")) == ("The spring newsletter", "")
    assert "<strong>3</strong> get it" in page and "{{ first_name }}" in page


def test_one_that_came_whole_says_what_is_not_there(app: Flask, client: FlaskClient) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "joe@example.org", "ann@example.org", "Whole"
    message.set_content("Hello\n")
    message.add_attachment(b"abc", maintype="text", subtype="csv", filename="a.csv")
    parts = app.extensions["mailroom"]
    submission = submission_of(HandedIn(message.as_bytes(), "joe@example.org", ["ann@example.org"]), None)
    mailing_id = accept(parts.database, parts.queue, submission).mailing_id
    with ledger(app).begin() as connection:
        failed = {"state": "failed", "trouble": "failed", "troubled_at": deliveries_table.c.updated_at}
        connection.execute(update(deliveries_table).values(**failed, due_at=None, batch_id=None))
    for form in (f"/?copy={mailing_id}", f"/?copy={mailing_id}&to=failed"):
        page = client.get(form).text
        assert "files, pictures and headers that it had are not" in page
        assert field(page, "text").strip() == "Hello" and field(page, "recipients") == "ann@example.org"


def test_nobody_and_nonsense_are_told(app: Flask, client: FlaskClient) -> None:
    mailing_id = a_mailing(ledger(app), SENT)
    answer = client.get(f"/?copy={mailing_id}&to=failed")
    assert (answer.status_code, answer.location) == (303, f"/mailings/{mailing_id}")
    assert "there is nobody to write to" in client.get(answer.location).text
    for path in (f"/?copy={mailing_id}&to=nonsense", f"/?copy={mailing_id}&to=", "/?copy=4711&to=failed"):
        assert client.get(path).status_code == 404
