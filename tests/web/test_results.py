"""The report of a mailing: its page, which lives while the mailing is sent, its CSV and its PDF."""

from __future__ import annotations

import csv
import io
import re
import zlib
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, update

from mailroom.database.time_limit import TookTooLong
from mailroom.engine.results.results import Results, results_of
from mailroom.ledger.mailings.mailings import Mailing
from mailroom.ledger.schema import mailings
from mailroom.ledger.states import State
from mailroom.web.results import kept
from mailroom.web.results.pdf_font import NOT_SHOWN
from tests.web.watching import a_mailing, delivery_ids, ledger

MARKUP = '<img src="file:///etc/passwd"/><b>&lt;</para> {{ 7 * 7 }}'
SENT: dict[str, Any] = {"state": State.SENT, "dated_at": 1_000, "updated_at": 1_500, "attempts": 1}


def failed(words: str, **more: Any) -> dict[str, Any]:
    return {"state": State.FAILED, "attempts": 1, "code": 550, "reply": words, **more}


def report(mailing_id: int, end: str = "") -> str:
    return f"/mailings/{mailing_id}/report{end}"


def test_it_tells_figures_in_pictures_and_in_tables(app: Flask, client: FlaskClient) -> None:
    rows = [SENT, SENT, failed("5.1.1 No such user"), {"state": State.SUPPRESSED}]
    mailing_id = a_mailing(ledger(app), *rows, complained=1)
    assert report(mailing_id) in client.get(f"/mailings/{mailing_id}").text
    page = client.get(report(mailing_id)).text
    figures = re.findall(
        r'<th scope="row" title="[^"]+">(\w+)</th>\s*<td[^>]*>(\d+)</td>\s*<td[^>]*>([^<]*)<', page
    )
    assert ("Accepted", "4", "100.0 %") in figures and ("Sent", "2", "50.0 %") in figures
    assert ("Failed", "1", "25.0 %") in figures and ("Complained", "1", "50.0 %") in figures
    assert re.search(r"550 5.1.1</span>\s*<bdi>no such user</bdi>", page)
    first_failed = delivery_ids(ledger(app), mailing_id)[2]
    assert f"/mailings/{mailing_id}/deliveries/{first_failed}" in page
    pictures = re.findall(r'<svg class="chart drawn".*?</svg>\s*(?=<ul|<p|<div)', page, re.DOTALL)
    assert len(pictures) == 4, "nothing came back"
    for picture in pictures:
        assert 'role="img"' in picture and "<title id=" in picture
        described = re.search(r"<desc [^>]*>([^<]+)</desc>", picture)
        assert described is not None and re.search(r"\d", described[1])
    assert client.get(report(999)).status_code == 404


def test_it_lives_while_something_may_change(app: Flask, client: FlaskClient) -> None:
    mailing_id = a_mailing(ledger(app), SENT, {"state": State.QUEUED})
    assert "data-moving" in client.get(report(mailing_id)).text
    assert "data-moving" in client.get(report(mailing_id, "/progress")).text
    with ledger(app).begin() as connection:
        over = {"state": "done", "ended_at": mailings.c.created_at, "started_at": mailings.c.created_at}
        connection.execute(update(mailings).where(mailings.c.id == mailing_id).values(**over))
    for end in ("", "/progress"):
        assert "data-moving" not in client.get(report(mailing_id, end)).text


def test_it_is_counted_once_and_again_when_something_changed(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailing_id = a_mailing(ledger(app), SENT, SENT, state="done")
    with ledger(app).begin() as connection:
        connection.execute(update(mailings).values(ended_at=mailings.c.created_at))
    counted = []

    def count(connection: Connection, mailing: Mailing) -> Results:
        counted.append(mailing.id)
        return results_of(connection, mailing)

    monkeypatch.setattr(kept, "results_of", count)
    monkeypatch.setattr(kept, "SHARE_OF_TIME", 0)
    for end in ("", "/progress", ".csv", ".pdf"):
        assert client.get(report(mailing_id, end)).status_code == 200
    assert counted == [mailing_id]
    with ledger(app).begin() as connection:
        connection.execute(update(mailings).values(sent=1, bounced=1))
    client.get(report(mailing_id))
    assert counted == [mailing_id] * 2


def test_what_a_server_says_is_text_everywhere(app: Flask, client: FlaskClient) -> None:
    words = [f"5.7.1 {MARKUP}", "=HYPERLINK(1)", "5.7.2 x\n=1+1", "'@SUM(1)"]
    domains = ["=cmd.example", "+1.example", "two.example", "mail.example"]
    rows = [failed(said, address=f"p@{domain}") for said, domain in zip(words, domains, strict=True)]
    mailing_id = a_mailing(ledger(app), *rows, subject=f"{MARKUP} =1+1")
    page = client.get(report(mailing_id)).text
    assert '<img src="file' not in page and "<b>" not in page and "&lt;img src" in page
    lines = list(csv.reader(io.StringIO(client.get(report(mailing_id, ".csv")).text)))
    assert {len(one) for one in lines} == {len(lines[0])}
    cells = [cell for one in lines for cell in one]
    assert not [cell for cell in cells if re.search(r"(?:\A|[,;\t\r\n])\s*[=+@]", cell)]
    assert "'=cmd.example" in cells and any(MARKUP in cell for cell in cells)
    assert client.get(report(mailing_id, ".pdf")).status_code == 200


def test_the_csv_has_each_figure_under_its_heading(app: Flask, client: FlaskClient) -> None:
    mailing_id = a_mailing(ledger(app), SENT, SENT, failed("5.1.1 No such user"))
    answer = client.get(report(mailing_id, ".csv"))
    assert answer.headers["Content-Disposition"].endswith(f'"mailing-{mailing_id}-report.csv"')
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert {row["part"] for row in rows} == {"figure", "reason", "domain", "slowest", "time"}
    (sent,) = [row for row in rows if (row["part"], row["name"]) == ("figure", "sent")]
    assert (sent["number"], sent["share"]) == ("2", "0.6667")
    (domain,) = [row for row in rows if row["part"] == "domain"]
    assert (domain["name"], domain["sent"], domain["failed"], domain["p95_ms"]) == (
        "example.org",
        "2",
        "1",
        "500",
    )
    (reason,) = [row for row in rows if row["part"] == "reason"]
    assert (reason["name"], reason["number"]) == ("550 5.1.1 no such user", "1")


def test_the_pdf_shows_latin_greek_and_cyrillic_and_says_what_it_cannot(
    app: Flask, client: FlaskClient
) -> None:
    words = "Příliš žluťoučký Łódź ß Ελληνικά Кириллица 漢字 עברית \u202e\x07"
    mailing_id = a_mailing(ledger(app), SENT, failed(words * 200), subject=words)
    answer = client.get(report(mailing_id, ".pdf"))
    assert answer.content_type == "application/pdf" and answer.data.startswith(b"%PDF-")
    shown = shown_in(answer.data)
    assert set("PříliššťčýŁódźßΕληνικάКирилица") <= shown and NOT_SHOWN in shown
    assert not set("漢字עברית\u202e\x07") & shown
    assert len(answer.data) < 200_000


def test_a_database_that_is_too_busy_is_told_of(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailing_id = a_mailing(ledger(app), SENT)

    tried = []

    def took_too_long(*of: object) -> None:
        tried.append(of)
        raise TookTooLong

    monkeypatch.setattr(kept, "results_of", took_too_long)
    for _ in range(2):
        answer = client.get(report(mailing_id))
        assert answer.status_code == 503 and "That takes too long" in answer.text
    assert len(tried) == 1, "whoever comes next must not wait as long"


def shown_in(pdf: bytes) -> set[str]:
    """The letters that its fonts are embedded for."""
    found: set[str] = set()
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        text = _inflated(stream)
        for part in re.findall(rb"begin(?:bfchar|bfrange)(.*?)end", text, re.DOTALL):
            codes = [int(code, 16) for code in re.findall(rb"<([0-9A-Fa-f]{4})>", part)]
            found |= {chr(code) for code in codes}
    return found


def _inflated(stream: bytes) -> bytes:
    try:
        return zlib.decompress(stream)
    except zlib.error:  # a page: in ASCII
        return b""
