from __future__ import annotations

import re
from html import unescape
from io import BytesIO

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from mailroom.ledger import suppressions
from mailroom.web.pages import suppressions as page_of_suppressions
from tests.web.watching import ledger, post

PAGE = "/suppressions"


def imported(client: FlaskClient, file: bytes) -> TestResponse:
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get(PAGE).text)
    assert token
    form = {"csrf_token": token[1], "file": (BytesIO(file), "list.csv")}
    return client.post(f"{PAGE}/import", data=form)


def listed(app: Flask) -> list[str]:
    with ledger(app).read() as connection:
        return [one.address_key for one in suppressions.page(connection)]


def test_one_or_many_are_added(app: Flask, client: FlaskClient) -> None:
    typed = "Ann@Example.org, Bob <bob@example.org>\ncarol@example.org"
    answer = post(client, PAGE, PAGE, addresses=typed, reason="unsubscribed", note="by phone")
    assert (answer.status_code, answer.headers["Location"]) == (303, PAGE)
    page = client.get(PAGE).text
    assert "3 addresses added." in page and "by phone" in page
    assert listed(app) == ["ann@example.org", "bob@example.org", "carol@example.org"]
    again = post(client, PAGE, PAGE, addresses="ann@example.org\ndan@example.org", reason="bounced")
    assert again.status_code == 303
    assert "1 address added. 1 was on the list already." in client.get(PAGE).text
    with ledger(app).read() as connection:
        assert suppressions.search(connection, "ann").found[0].reason == "unsubscribed", "as it was"


@pytest.mark.parametrize(
    ("typed", "words"),
    [("ann@example.org\n<b>bob</b>", "Line 2: &lt;b&gt;bob"), ("", "Type at least one address.")],
)
def test_a_bad_one_is_named_and_nothing_is_added(
    app: Flask, client: FlaskClient, typed: str, words: str
) -> None:
    answer = post(client, PAGE, PAGE, addresses=typed, note="a note")
    assert answer.status_code == 422
    assert words in answer.text
    assert typed.partition("\n")[0] in answer.text and "a note" in answer.text
    assert listed(app) == []


@pytest.mark.parametrize(
    ("fields", "place", "words"),
    [
        ({"list": "digest"}, "sender", "A list is one of a sender’s: name the sender, too."),
        ({"sender": "nobody", "list": "digest"}, "sender", "must have an @-sign"),
        ({"sender": "a@b.example", "list": "di\u202egest"}, "list", "U+202E"),
        ({"note": "a \u202e note"}, "note", "U+202E"),
    ],
)
def test_a_scope_that_is_none_stops_no_mail_at_all(
    app: Flask, client: FlaskClient, fields: dict[str, str], place: str, words: str
) -> None:
    answer = post(client, PAGE, PAGE, addresses="ann@example.org", **fields)
    assert answer.status_code == 422 and listed(app) == []
    page = unescape(answer.text)
    summary = page.partition('id="error-summary"')[2].partition("</section>")[0]
    assert f'href="#{place}"' in summary and words in summary
    assert words in page.partition(f'id="{place}-wrong"')[2].partition("</div>")[0]
    assert "ann@example.org" in page.partition("<textarea")[2].partition("</textarea>")[0]


def test_one_is_taken_off(app: Flask, client: FlaskClient) -> None:
    post(client, PAGE, PAGE, addresses="ann@example.org bob@example.org".replace(" ", "\n"))
    answer = post(client, f"{PAGE}/remove", PAGE, address="Ann@example.org")
    assert answer.status_code == 303
    assert listed(app) == ["bob@example.org"]
    assert "may be mailed again" in client.get(PAGE).text


def test_the_list_is_searched_and_paged(app: Flask, client: FlaskClient) -> None:
    with ledger(app).begin() as connection:
        added = suppressions.add(connection, (f"p{number:04}@example.org" for number in range(1_205)))
        assert added == 1_205
    first = client.get(PAGE).text
    assert "1,205 addresses" in first and "p0099@" in first and "p0100@" not in first
    assert "p0100@" in client.get(f"{PAGE}?after=p0099@example.org").text
    found = client.get(f"{PAGE}?q=P1204").text
    assert "p1204@" in found and "p0001@" not in found
    assert "Nothing found" in client.get(f"{PAGE}?q=%25").text
    lines = client.get(f"{PAGE}.csv").text.splitlines()
    assert lines[0] == "address,reason,note,added_at,scope,sender,list,mailing,evidence"
    assert len(lines) == 1_206


def test_a_long_list_is_counted_no_further_and_a_search_goes_on(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_of_suppressions, "SUPPRESSIONS_COUNTED", 20)
    monkeypatch.setattr(suppressions, "SUPPRESSIONS_SEARCHED", 10)
    with ledger(app).begin() as connection:
        suppressions.add(connection, [f"p{number:02}@example.org" for number in range(21)])
    assert "20+ addresses" in client.get(PAGE).text
    page = client.get(f"{PAGE}?q=20%40").text
    assert "look further" in page and "p20@" not in page
    for _ in range(2):
        onward = re.search(r'rel="next" href="([^"]+)"', page)
        assert onward
        page = client.get(onward[1].replace("&amp;", "&")).text
    assert "p20@" in page and 'rel="next"' not in page


def test_it_is_in_the_navigation_and_behind_the_gate(client: FlaskClient, stranger: FlaskClient) -> None:
    assert 'href="/suppressions" aria-current="page"' in client.get(PAGE).text
    assert stranger.get(PAGE).status_code == 303
    assert stranger.get(f"{PAGE}.csv").status_code == 303
    assert client.post(PAGE, data={"addresses": "ann@example.org"}).status_code == 400, "no token"


def test_one_of_an_addresss_scopes_is_added_and_taken_off(app: Flask, client: FlaskClient) -> None:
    post(client, PAGE, PAGE, addresses="ann@example.org")
    post(client, PAGE, PAGE, addresses="ann@example.org", sender="News@acme.example", list="Digest")
    page = client.get(PAGE).text
    assert "mail at all" in page and "“digest”" in page
    post(client, f"{PAGE}/remove", PAGE, address="ann@example.org", sender="", list="")
    with ledger(app).read() as connection:
        assert [one.scope for one in suppressions.page(connection)] == [("news@acme.example", "digest")]
    bad = post(client, PAGE, PAGE, addresses="bob@example.org", sender="nobody")
    assert bad.status_code == 422 and "must have an @-sign" in bad.text


def test_a_file_is_imported_or_told_what_is_wrong_with_it(app: Flask, client: FlaskClient) -> None:
    for text, status, words in ((b"address\nann@example.org\n", 303, ""), (b"x\n", 422, "Line 1: x")):
        answer = imported(client, text)
        assert answer.status_code == status and words in answer.text
    assert listed(app) == ["ann@example.org"]


@pytest.mark.parametrize("field", ["note", "list"])
def test_words_that_turn_round_what_stands_beside_them_are_refused(
    app: Flask, client: FlaskClient, field: str
) -> None:
    typed = {"addresses": "ann@example.org", "sender": "news@acme.example", field: "by \u202enohp"}
    answer = post(client, PAGE, PAGE, **typed)
    assert answer.status_code == 422 and "holds U+202E RIGHT-TO-LEFT OVERRIDE" in answer.text
    file = f"address,sender,{field}\nann@example.org,news@acme.example,by \u202enohp\n".encode()
    answer = imported(client, file)
    assert answer.status_code == 422 and "U+202E" in answer.text
    assert listed(app) == []


def test_a_note_in_a_file_may_have_several_lines(app: Flask, client: FlaskClient) -> None:
    imported(client, 'address,note\nann@example.org,"by phone\non Monday\u200b"\n'.encode())
    with ledger(app).read() as connection:
        assert [one.note for one in suppressions.page(connection)] == ["by phone on Monday"]
