from __future__ import annotations

import re
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from mailroom.ledger.deliveries import search
from mailroom.ledger.mailings import mailings
from tests.web.watching import a_mailing, ledger


@pytest.fixture(autouse=True)
def _two_mailings(app: Flask) -> None:
    ann = {"address": "ann.lee@example.org", "name": "Ann Lee", "state": "sent", "code": 250, "reply": "kept"}
    a_mailing(ledger(app), ann, {"address": "bo@example.org"}, subject="Welcome, spring")
    a_mailing(
        ledger(app), ann | {"state": "failed", "code": 550, "reply": "no such user"}, subject="100 % off"
    )


@pytest.mark.parametrize("words", ["ann", "ANN.LEE@EXAMPLE.ORG", "Ann Lee", "lee@exam"])
def test_it_answers_did_ann_get_it(client: FlaskClient, words: str) -> None:
    page = client.get("/mailings", query_string={"q": words}).text
    assert "2 recipients" in page
    assert page.index("no such user") < page.index("kept")  # newest first
    assert "Welcome, spring" in page and "100 % off" in page
    assert "bo@example.org" not in page


def test_it_finds_mailings_by_subject(client: FlaskClient) -> None:
    page = client.get("/mailings", query_string={"q": "SPRING"}).text
    assert "1 mailing by subject" in page and "Welcome, spring" in page


def test_wildcards_mean_themselves(client: FlaskClient) -> None:
    assert "1 mailing by subject" in client.get("/mailings", query_string={"q": "0 %"}).text
    assert "Nothing found" in client.get("/mailings", query_string={"q": "a_n"}).text


def test_finding_nothing_says_what_to_try(client: FlaskClient) -> None:
    page = client.get("/mailings", query_string={"q": "<zed>"}).text
    assert "Nothing found for “&lt;zed&gt;”" in page and "beginning of the address" in page


def test_an_empty_search_is_the_list(client: FlaskClient) -> None:
    assert "Nothing found" not in client.get("/mailings?q=+").text


def test_what_is_beyond_fifty_has_pages(app: Flask, client: FlaskClient) -> None:
    # A part of each name, the beginning of every third address: both kinds of hits, on every page.
    rows = [
        {"address": f"{'zed' if n % 3 else 'x.zed'}{n}@example.org", "name": f"Zed {n}"} for n in range(120)
    ]
    a_mailing(ledger(app), *rows, subject="To many")
    for number in range(60):
        a_mailing(ledger(app), {}, subject=f"About zed {number}")
    seen: list[str] = []
    path: str | None = "/mailings?q=zed"
    for _ in range(3):
        assert path
        page = client.get(path).text
        seen += re.findall(r"<bdi>Zed (\d+)</bdi>", page)
        assert "About zed 59" in page and "About zed 9<" not in page, "the other list stays where it is"
        older = re.findall(r'rel="next" href="([^"#]*)#found-recipients"', page)
        path = unescape(older[0]) if older else None
    assert path is None and seen == [str(number) for number in reversed(range(120))]
    [older] = re.findall(r'rel="next" href="([^"#]*)#found-mailings"', client.get("/mailings?q=zed").text)
    page = client.get(unescape(older)).text
    assert "About zed 9<" in page and "10 mailings more by subject" in page and "About zed 59" not in page


def test_what_it_did_not_look_through_is_a_link_away(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beginnings of addresses are found in all mail; parts, and subjects, further back when somebody asks."""
    monkeypatch.setattr(search, "RECENT", 2)
    monkeypatch.setattr(search, "LOOKED_THROUGH", 4)
    monkeypatch.setattr(mailings, "SUBJECTS_SEARCHED", 1)
    a_mailing(ledger(app), *({"address": f"p{number}@example.org"} for number in range(7)), subject="News")
    assert "2 recipients" in client.get("/mailings?q=ann").text
    page = client.get("/mailings?q=lee").text
    assert "Nothing found for" in page and "the newest 2 recipients" in " ".join(page.split())
    seen: list[str] = []
    while page:
        seen += re.findall(r"<bdi>(Ann Lee)</bdi>", page)
        onwards = re.findall(r'href="(/mailings\?q=lee&amp;older=\d+)"', page)
        page = client.get(unescape(onwards[0])).text if onwards else ""
    assert seen == ["Ann Lee", "Ann Lee"]
    page = client.get("/mailings?q=spring").text
    assert "Welcome, spring" not in page
    for _ in range(2):
        [onwards] = re.findall(r'href="([^"]*)#found-mailings">Look', page)
        page = client.get(unescape(onwards)).text
    assert "Welcome, spring" in page and "Look through older subjects" not in page


def test_a_search_that_looked_through_all_says_no_more(client: FlaskClient) -> None:
    assert "How far this looked" not in client.get("/mailings?q=lee").text
