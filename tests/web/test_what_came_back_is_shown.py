"""What came back is seen on pages, in files and in the API; and so is what is of no mail."""

from __future__ import annotations

import csv
import io
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from mailroom.engine.feedback.matching import FORGED
from mailroom.feedback.report import ReportKind
from mailroom.ledger.deliveries import marks
from mailroom.ledger.deliveries.throughput import last_hour
from mailroom.ledger.deliveries.timeline import marks_of
from mailroom.ledger.people import api_keys
from mailroom.ledger.schema import deliveries
from tests.feedback.comes import FULL, GONE, SHARED, Comes
from tests.web.watching import ledger

RAW = b"Final-Recipient: rfc822; p0@mail.example\r\n<script>alert(1)</script>\x00\xff\xe2\x80\xae"


@pytest.fixture
def comes(app: Flask) -> Comes:
    return Comes(ledger(app))


def rows(client: FlaskClient, path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(client.get(path).text)))


def test_on_the_page_of_its_mail(comes: Comes, client: FlaskClient) -> None:
    (id,) = comes.sent()
    comes.take(comes.report(id, ReportKind.DELAYED, words="Not yet"), comes.report(id, raw=RAW, **GONE))
    comes.take(comes.report(id, ReportKind.COMPLAINED))
    page = client.get(f"/mailings/{comes.book.delivery(id).mailing_id}/deliveries/{id}").text
    assert re.findall(r'data-label="What">([^<]*)<', page) == ["delayed", "bounced", "complained"]
    assert "User unknown" in page and "mx.mail.example" in page and "pipe" in page
    assert "250 2.0.0 Ok" in page, "in which words the relay had taken it"
    assert "The recipient called it spam" in page
    shown = re.search(r'<details class="raw">.*?</details>', page, re.DOTALL)
    assert shown is not None and "Final-Recipient" in shown[0] and "&lt;script&gt;" in shown[0]
    assert not {"\0", "\u202e", "\r"} & set(shown[0])


def test_on_a_mailing_by_reason_and_domain(comes: Comes, client: FlaskClient) -> None:
    ids = comes.sent(["a@one.example", "b@one.example", "c@two.example", "d@two.example"])
    mailing_id = comes.book.delivery(ids[0]).mailing_id
    path = f"/mailings/{mailing_id}/reports"
    assert path not in client.get(f"/mailings/{mailing_id}").text
    assert "Nothing came back" in client.get(path).text
    comes.take(comes.report(ids[0], **GONE), comes.report(ids[1], **FULL), comes.report(ids[2], **GONE))
    comes.take(comes.report(ids[3], ReportKind.COMPLAINED))
    page = client.get(f"/mailings/{mailing_id}").text
    assert path in page and "1 recipient called it spam" in page and "3 bounced" in page
    page = client.get(path).text
    found = re.findall(r'row-title break"><bdi>([^<]*)</bdi></th>\s*<td class="number"[^>]*>(\d+)<', page)
    assert found == [("550 5.1.1", "2"), ("552 5.2.2", "1"), ("one.example", "2"), ("two.example", "1")]
    assert "75.0 %" in page and "25.0 %" in page
    told = rows(client, f"{path}.csv")
    assert [one["kind"] for one in told] == ["complained", "bounced", "bounced", "bounced"]
    assert [one["address"][0] for one in told] == ["d", "c", "b", "a"]
    assert (told[1]["code"], told[1]["status"], told[1]["words"]) == ("550", "5.1.1", "5.1.1 User unknown")
    assert client.get("/mailings/999/reports").status_code == 404
    assert client.get("/mailings/999/reports.csv").status_code == 404


def test_in_the_file_of_all_recipients(comes: Comes, client: FlaskClient) -> None:
    (id,) = comes.sent()
    comes.take(comes.report(id, **GONE))
    (one,) = rows(client, f"/mailings/{comes.book.delivery(id).mailing_id}/deliveries.csv")
    assert (one["state"], one["code"], one["reply"]) == ("bounced", "550", "5.1.1 User unknown")


def test_what_is_of_no_mail_with_its_reason_page_by_page(comes: Comes, client: FlaskClient) -> None:
    assert "Nothing here" in client.get("/reports").text
    (id,) = comes.sent()
    for number in range(51):
        comes.take(comes.report(id, token="b0", address=f"p{number}@mail.example", words="=1+1", raw=RAW))
    page = client.get("/reports").text
    assert page.count(FORGED) == 50 and "p50@mail.example" in page and "p0@mail.example</bdi>" not in page
    assert "<script>alert" not in page and "51 reports" in page
    older = re.search(r'rel="next" href="([^"]+)"', page)
    assert older is not None and "bounced: <bdi>p0@mail.example</bdi>" in client.get(older[1]).text
    told = rows(client, "/reports.csv")
    assert len(told) == 51 and told[0]["why"] == FORGED and told[0]["words"] == "'=1+1"
    for path in ("/suppressions", "/attention"):
        assert 'href="/reports"' in client.get(path).text


def test_a_mailing_that_paused_itself_says_so(comes: Comes, client: FlaskClient) -> None:
    mailing_id = comes.book.accept(90)
    lease = comes.book.claim()
    ids = comes.book.inside(lease)
    comes.book.send(lease, ids[:60])
    comes.take(*(comes.report(id, **FULL) for id in ids[:10]))
    page = client.get(f"/mailings/{mailing_id}").text
    assert "It paused itself: 10 of 60 mails came back, more than 10 %." in page
    page = client.get("/").text.replace("<bdi>", "").replace("</bdi>", "")
    assert "paused itself: 10 of 60 mails came back, more than 10 %" in page and "blamed" not in page


def test_programs_are_told(comes: Comes, app: Flask, client: FlaskClient) -> None:
    first, second = comes.sent(2, content=SHARED)
    comes.take(comes.report(first, ReportKind.COMPLAINED))
    with comes.database.begin() as connection:
        key, _ = api_keys.add(connection, "reader", scopes=["admin"])
    headers = {"Authorization": f"Bearer {key}"}
    uid = comes.book.mailing(comes.book.delivery(first).mailing_id).uid
    email = client.get(f"/api/v1/emails/{uid}", headers=headers).json
    assert email is not None and email["last_event"] == "complained"
    assert [bool(one["complained_at"]) for one in email["deliveries"]] == [True, False]
    comes.take(comes.report(second, **GONE))
    email = client.get(f"/api/v1/emails/{uid}", headers=headers).json
    assert email is not None and email["last_event"] == "bounced"
    told = client.get("/metrics").text
    assert 'mailroom_deliveries{state="bounced"} 1.0' in told and "mailroom_complaints 1.0" in told
    assert "mailroom_unmatched_reports 0.0" in told


def test_programs_are_told_of_a_mailing(comes: Comes, client: FlaskClient) -> None:
    first, second, _ = comes.sent(3)
    comes.take(comes.report(first, ReportKind.COMPLAINED), comes.report(second, **GONE))
    with comes.database.begin() as connection:
        key, _ = api_keys.add(connection, "reader", scopes=["admin"])
    uid = comes.book.mailing(comes.book.delivery(first).mailing_id).uid
    found = client.get(f"/api/v1/mailings/{uid}", headers={"Authorization": f"Bearer {key}"}).json
    assert found is not None and found["counts"] == {"bounced": 1, "sent": 2} and found["complained"] == 1


def test_it_was_sent_all_the_same_when_it_was(comes: Comes, client: FlaskClient) -> None:
    """In the figures of the hour, and on its mailing's timeline."""
    first, second, _ = comes.sent(3)
    comes.take(comes.report(first, **GONE), comes.report(second, **FULL))
    with comes.database.read() as connection:
        assert last_hour(connection).total == 3
    mailing_id = comes.book.delivery(first).mailing_id
    with comes.database.begin() as connection:
        (session_id,) = marks.open_sessions(connection, "host-1", [1], "mx:25")()
        connection.execute(update(deliveries).values(session_id=session_id))
    with comes.database.read() as connection:
        drawn, _ = marks_of(connection, mailing_id, 3, now=0)
    assert [mark.state.value for mark in drawn] == ["bounced", "bounced", "sent"]
    assert all(0 <= mark.ended - mark.begun < 60_000 for mark in drawn)
    assert "state-bounced" in client.get(f"/mailings/{mailing_id}").text
