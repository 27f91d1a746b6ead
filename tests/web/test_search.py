from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

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
