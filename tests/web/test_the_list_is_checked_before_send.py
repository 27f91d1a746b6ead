"""The table before Send: who would get it, what is odd, mended in place; nothing typed is lost."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from mailroom.ledger import suppressions
from mailroom.ledger.consent.scopes import Scope
from mailroom.ledger.deliveries import deliveries
from mailroom.ledger.mailings import mailings
from mailroom.web.compose.mends import ListEntry, Mends
from tests.content.workbooks import rows, xlsx

LETTER = {
    "sender": "Ann Lee <ann@example.org>",
    "reply_to": "replies@example.org",
    "subject": "Hello",
    "text": "Dear {{ town }}",
    "html": "<p>Hi</p>",
    "list": "digest",
    "purpose": "bulk",
}
GUESTS = """Name;E-Mail;Town
Ann;ann@example.org;Rome
Bob;bob@gmial.com;Bern
Cleo;cleo@example,org;Oslo
Dora;nobody;Paris
Eve;ANN@example.org;Rome
Fay;info@example.org;Riga
Gus;gus@example.org;Kyiv
Hal;hal@example.org; eve@gmial.com
"""

Post = Callable[..., TestResponse]


@pytest.fixture
def post(client: FlaskClient, csrf: Callable[..., str]) -> Post:
    token = csrf(client)

    def post(path: str = "/recipients", **fields: Any) -> TestResponse:
        form = {**LETTER, "csrf_token": token, **fields}
        return client.post(path, data=form, content_type="multipart/form-data")

    return post


def guests(text: str = GUESTS, name: str = "guests.csv") -> tuple[io.BytesIO, str]:
    return io.BytesIO(text.encode()), name


def field(page: str, name: str) -> list[str]:
    """The values that inputs of this name have, those that are not ticked left out."""
    tags = re.findall(rf'<input[^>]* name="{name}"[^>]*>', page)
    on = [tag for tag in tags if 'type="checkbox"' not in tag or " checked" in tag]
    return [unescape(found[1]) for tag in on if (found := re.search(r'value="([^"]*)"', tag))]


def again(page: str) -> dict[str, Any]:
    """What a browser would send of the review's own fields, nothing touched."""
    names = (
        "kept_recipients_file",
        "kept_attachments",
        "mended",
        "mend_entry",
        "mend_address",
        "chosen_for_kept",
    )
    return {name: values for name in names if (values := field(page, name))}


def suggestions(page: str) -> list[str]:
    return [unescape(key) for key in re.findall(r'name="mend_suggested" value="([^"]*)"', page)]


def sent_to(app: Flask) -> list[str]:
    with app.extensions["mailroom"].database.read() as connection:
        found = mailings.page(connection)
        return [row.address for row in deliveries.page(connection, found[0].id)] if found else []


def words(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


def test_the_table_says_who_would_get_it_and_what_is_odd(app: Flask, post: Post) -> None:
    with app.extensions["mailroom"].database.begin() as connection:
        suppressions.add(connection, ["gus@example.org"])
        suppressions.add(connection, ["ann@example.org"], scope=Scope("ann@example.org", "digest"))
        suppressions.add(connection, ["hal@example.org"], scope=Scope("ann@example.org", "offers"))
    answer = post(recipients_file=guests())
    page, told = answer.text, words(answer.text)

    assert answer.status_code == 200 and sent_to(app) == []
    for figure in (
        "3 get it",
        "2 cannot be mailed",
        "1 may be misspelt",
        "1 there twice",
        "2 on the suppression list",
        "1 of a role",
    ):
        assert figure in told, figure
    assert "row 4 of the file cleo@example,org" in told and "Use cleo@example.org" in told
    assert "row 3 of the file bob@gmial.com" in told and "Use bob@gmail.com" in told
    assert "row 5 of the file nobody" in told and "Town {{ town }}" in told and "E-Mail address" in told
    assert "row 6 of the file ANN@example.org is on line 2 already" in told.replace("ann@e", "ANN@e")
    assert "row 7 of the file info@example.org" in told and "row 8 of the file gus@example.org" in told
    assert "<td><bdi>Ann</bdi></td>" in page
    for name in ("sender", "reply_to", "subject", "list"):
        assert field(page, name) == [LETTER[name]]
    assert LETTER["text"] in page and "&lt;p&gt;Hi&lt;/p&gt;" in page


def test_entries_are_mended_in_place_and_stay_so_until_it_is_sent(app: Flask, post: Post) -> None:
    attachment = (io.BytesIO(b"%PDF"), "Programme.pdf")
    page = post(recipients_file=guests(), attachments=attachment).text
    fields = again(page)
    assert len(fields["kept_attachments"]) == 1
    fields["mend_address"] = [
        "dora@example.org" if one == "nobody" else one for one in fields["mend_address"]
    ]
    page = post(**fields, mend_suggested=[key for key in suggestions(page) if "gmial" in key]).text
    assert "1 cannot be mailed" in words(page) and "misspelt" not in words(page)

    refused = post("/mailings", **again(page))
    assert refused.status_code == 422 and "1 entry of the file cannot be mailed" in words(refused.text)
    answer = post("/mailings", **again(refused.text), leave_out="on")
    assert answer.status_code == 303
    assert sent_to(app) == [
        *("ann@example.org", "bob@gmail.com", "dora@example.org", "info@example.org", "gus@example.org"),
        "hal@example.org",
    ]


def test_every_suggestion_may_be_taken_at_once_in_both_lists(app: Flask, post: Post) -> None:
    typed = "Zoe <zoe@gmial.com>\nyan@@example.org; xi@gmail.com"
    page = post(recipients=typed, recipients_file=guests()).text
    page = post(recipients=typed, **again(page), mend_all="on").text
    assert "Zoe &lt;zoe@gmail.com&gt;\nyan@example.org; xi@gmail.com" in page
    answer = post("/mailings", recipients="zoe@gmail.com", **again(page), leave_out="on")
    assert answer.status_code == 303
    assert {"zoe@gmail.com", "bob@gmail.com", "cleo@example.org"} <= set(sent_to(app))


def test_what_is_mended_is_a_whole_entry_and_never_a_part_of_another(app: Flask, post: Post) -> None:
    typed = "jbob@example.org, bob@, Ann <ann@gmial.com>; joann@gmial.com\nbob@"
    mended = post(
        recipients=typed,
        mend_entry=["recipients 1 bob@", "recipients 1 ann@gmial.com"],
        mend_address=["bob@example.org", "ann@gmail.com"],
    ).text
    assert (
        "jbob@example.org; bob@example.org; Ann &lt;ann@gmail.com&gt;; joann@gmial.com\nbob@</textarea>"
    ) in mended
    cells = 'email\tfirm\njbob@example.org, bob@\t"Lee, bob@x"\n'
    mended = post(recipients=cells, mend_entry="recipients 2 bob@", mend_address="bob@example.org").text
    assert "jbob@example.org; bob@example.org\t&#34;Lee, bob@x&#34;" in mended


def test_many_mended_entries_of_a_long_line_cost_little() -> None:
    line = ", ".join(f"p{number}@gmial.com" for number in range(50_000))
    mends = Mends({ListEntry("recipients", 1, f"q{number}@"): "a@b.example" for number in range(2_000)})
    mends.add(ListEntry("recipients", 1, "p7@gmial.com"), "p7@gmail.com")
    began = time.thread_time()
    assert mends.typed(line) == line  # of 2,000, the last was one too many
    del mends.made[ListEntry("recipients", 1, "q0@")]
    mends.add(ListEntry("recipients", 1, "p7@gmial.com"), "p7@gmail.com")
    assert "; p7@gmail.com; " in mends.typed(line)
    assert time.thread_time() - began < 3


def test_nothing_is_sent_to_a_suggestion_that_nobody_took(app: Flask, post: Post) -> None:
    page = post(recipients_file=guests()).text
    assert post("/mailings", **again(page), leave_out="on").status_code == 303
    assert "bob@gmial.com" in sent_to(app) and "cleo@example.org" not in sent_to(app)


def test_another_file_forgets_what_was_chosen_and_mended_for_the_first(app: Flask, post: Post) -> None:
    page = post(recipients_file=guests()).text
    page = post(**again(page), mend_all="on").text
    fields = {name: value for name, value in again(page).items() if name != "kept_recipients_file"}
    other = guests("E-Mail;Town\nbob@gmial.com;x\nbob@gmial.com;x\n")
    answer = post("/mailings", **fields, recipients_file=other, recipients_column="2")
    assert answer.status_code == 303 and sent_to(app) == ["bob@gmial.com"]


def test_the_sheet_and_the_column_are_chosen(app: Flask, post: Post) -> None:
    first = rows(("Town", "Mail"), ("Rome", "old@example.org"))
    second = rows(("Work", "Home", "Town"), ("w@example.org", "h@example.org", "Oslo"))
    page = post(recipients_file=(io.BytesIO(xlsx({"A": first, 'B"<b>': second})), "a.xlsx")).text
    assert "from the sheet A" in words(page) and "<option>B&#34;&lt;b&gt;</option>" in page

    page = post(**again(page), recipients_sheet='B"<b>', shown_sheet="A", recipients_column="2").text
    assert '<option value="1" selected>' in page and 'from the sheet B"<b>' in words(page)
    chosen = {"recipients_sheet": 'B"<b>', "shown_sheet": 'B"<b>', "recipients_column": "2"}
    assert post("/mailings", **again(page), **chosen).status_code == 303
    assert sent_to(app) == ["h@example.org"]


def test_a_sheet_without_addresses_can_be_left_again(post: Post) -> None:
    sheets = {"Guests": rows(("email",), ("a@example.org",)), "Notes": rows(("hm",), ("so",))}
    page = post(recipients_file=(io.BytesIO(xlsx(sheets)), "a.xlsx")).text
    page = post(**again(page), recipients_sheet="Notes", shown_sheet="Guests").text
    assert "No column holds e-mail addresses" in words(page) and "<option>Guests</option>" in page


def test_a_pasted_range_of_cells_has_variables(app: Flask, post: Post) -> None:
    assert post("/mailings", recipients="Town\tE-Mail\r\nRome\tann@example.org\r\n").status_code == 303
    assert sent_to(app) == ["ann@example.org"]


@pytest.mark.parametrize(
    "fields",
    [
        {"mended": "[[" * 50_000},
        {"mended": '[[1, "a"], {"x": 1}, [1, 2, 3], ["1", "a", "b"], [true, "a", "b"]]'},
        {"mended": "null"},
        {
            "mend_entry": [
                "x",
                "recipients",
                "recipients_file -1 a",
                "other 1 a",
                "recipients_file 99999999999 a",
            ]
        },
        {"mend_entry": ["recipients_file 3 bob@gmial.com"], "mend_address": ["a@x.org\r\nBcc: eve@x.org"]},
        {"recipients_column": "9" * 5_000, "recipients_sheet": "x\ufeff"},
        {"recipients_column": "²"},
    ],
)
def test_what_nobody_s_browser_sends_harms_nothing(post: Post, fields: dict[str, Any]) -> None:
    page = post(**{"mend_address": ["z"] * 9, **fields}, recipients_file=guests())
    assert page.status_code == 200 and "Ann" in page.text, words(page.text)[-600:]


def test_an_expired_token_loses_nothing_here_either(post: Post) -> None:
    answer = post(csrf_token="old", recipients_file=guests())
    assert answer.status_code == 422 and "2 cannot be mailed" in words(answer.text)


def test_a_stranger_sees_no_list_and_a_reload_leads_to_the_form(
    stranger: FlaskClient, client: FlaskClient
) -> None:
    assert stranger.post("/recipients", data=LETTER).status_code in (302, 303, 400, 401, 403)
    assert client.get("/recipients").location == "/"


def test_what_was_chosen_and_mended_outlives_the_check_of_the_whole_mailing(
    client: FlaskClient, app: Flask, post: Post
) -> None:
    people = rows(("Work", "Home", "Town"), ("w@example.org", "bob@gmial.com", "Oslo"))
    first = rows(("Town", "Mail"), ("Rome", "old@example.org"))
    page = post(recipients_file=(io.BytesIO(xlsx({"A": first, "B": people})), "a.xlsx")).text
    chosen = {"recipients_sheet": "B", "shown_sheet": "B", "recipients_column": "2"}
    page = post(**again(page), **chosen).text
    checked = post("/check", **again(page), **chosen, mend_all="on")
    assert checked.status_code == 303, words(checked.text)[:500]

    form = client.get(f"{checked.location}/edit").text
    assert "from the sheet B" in words(form) and "bob@gmail.com" in field(form, "mended")[0]
    token = field(form, "csrf_token")[0]
    assert client.post(f"{checked.location}/send", data={"csrf_token": token}).status_code == 303
    assert sent_to(app) == ["bob@gmail.com"]
