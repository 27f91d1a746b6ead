from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import func, select

from mailroom.database.engine import Database
from mailroom.ledger.schema import deliveries, mailings
from mailroom.web.api.submitted import listed
from tests.api.conftest import Client, new_key
from tests.content import workbooks

LETTER: dict[str, Any] = {
    "from": "Acme <hello@acme.example>",
    "subject": "News for {{ first_name }}",
    "text": "Dear {{ first_name }} of {{ city }}.",
    "purpose": "transactional",
}
GUESTS = "E-Mail;First Name;Last Name;City\nann@mail.example;Ann;Lee;Rome\nbob@mail.example;Bob;Roe;Bonn\n"


def parts(recipients: bytes | str = GUESTS, /, *, name: str = "guests.csv", **others: Any) -> dict[str, Any]:
    data = recipients.encode() if isinstance(recipients, str) else recipients
    mailing = others.pop("mailing", LETTER)
    letter = mailing if isinstance(mailing, str) else json.dumps(mailing)
    return {"data": {"mailing": letter, "recipients": (io.BytesIO(data), name), **others}}


def form(data: Any, boundary: str = "") -> dict[str, Any]:
    return {"data": data, "content_type": f"multipart/form-data{boundary}"}


def people(database: Database) -> list[tuple[str, str, Any]]:
    columns = deliveries.c.address, deliveries.c.name, deliveries.c.variables
    with database.read() as connection:
        return [tuple(row) for row in connection.execute(select(*columns).order_by(deliveries.c.id))]


def number_of_mailings(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(mailings)).scalar_one())


def test_everybody_in_it_gets_their_own(client: Client) -> None:
    answer = client.post("/mailings", **parts(GUESTS + "ANN@mail.example;Ann;Lee;Rome\n"))

    told = answer.get_json()
    assert answer.status_code == 200, told
    assert (told["total"], told["duplicates"]) == (2, 1)
    assert [(address, name, values["city"]) for address, name, values in people(client.database)] == [
        ("ann@mail.example", "Ann Lee", "Rome"),
        ("bob@mail.example", "Bob Roe", "Bonn"),
    ]


@pytest.mark.parametrize("is_field", [True, False])
def test_both_parts_may_be_files_or_fields(light_client: Client, is_field: bool) -> None:
    mailing, guests = json.dumps(LETTER), GUESTS
    data: dict[str, Any] = {"mailing": mailing, "recipients": guests}
    if not is_field:
        data = {name: (io.BytesIO(text.encode()), "a.txt") for name, text in data.items()}
    assert light_client.post("/mailings", data=data, content_type="multipart/form-data").status_code == 200
    assert len(people(light_client.database)) == 2


def test_the_example_of_the_document_is_accepted(light_client: Client) -> None:
    body = light_client.get("/openapi.json").get_json()["paths"]["/mailings"]["post"]["requestBody"]
    example = body["content"]["multipart/form-data"]["example"]
    answer = light_client.post("/mailings", **parts(example["recipients"], mailing=example["mailing"]))
    assert (answer.status_code, answer.get_json()["total"]) == (200, 2)


def test_a_workbook_its_sheet_and_its_column(light_client: Client) -> None:
    guests = workbooks.rows(("Work", "Home"), ("w@mail.example", "h@mail.example"))
    book = workbooks.xlsx({"Staff": workbooks.rows(("mail",), ("x@mail.example",)), "Guests": guests})
    answer = light_client.post(
        "/mailings",
        **parts(
            book,
            mailing={**LETTER, "subject": "Hi", "text": "Hi"},
            recipients_sheet="Guests",
            recipients_column="Home",
        ),
    )
    assert answer.status_code == 200, answer.get_json()
    assert [address for address, *_ in people(light_client.database)] == ["h@mail.example"]


def test_all_that_a_mailing_says_of_itself_stands(light_client: Client) -> None:
    letter = {
        **LETTER,
        "purpose": "bulk",
        "list": "digest",
        "scheduled_at": "in 2 days",
        "canary": 1,
        "reply_to": "r@acme.example",
    }
    found = light_client.post("/mailings", **parts(mailing=letter)).get_json()
    shown = light_client.get(f"/mailings/{found['id']}").get_json()
    assert (shown["state"], shown["list"], shown["canary"], shown["purpose"]) == (
        "scheduled",
        "digest",
        1,
        "bulk",
    )


def test_a_template_says_it_and_its_fallbacks_are_there(light_client: Client) -> None:
    template = {
        "name": "News",
        "alias": "news",
        "from": "hello@acme.example",
        "subject": "News of {{ TOWN }}",
        "text": "Dear {{ first_name }}, {{ GREETING }}.",
        "variables": [{"key": "TOWN", "fallback_value": "Rome"}, {"key": "GREETING"}],
    }
    uid = light_client.post("/templates", json=template).get_json()["id"]
    light_client.post(f"/templates/{uid}/publish")
    lacking = light_client.post("/mailings", **parts(mailing={"template": {"id": "news"}}))
    assert lacking.status_code == 422 and "GREETING" in lacking.get_json()["message"]

    use = {"id": "news", "variables": {"GREETING": "hello"}}
    answer = light_client.post("/mailings", **parts(mailing={"template": use}))

    assert answer.status_code == 200, answer.get_json()
    assert [values["TOWN"] + values["GREETING"] for *_, values in people(light_client.database)] == [
        "Romehello"
    ] * 2


def test_the_same_again_is_mailed_once_whatever_stands_between_the_parts(client: Client) -> None:
    headers = {"Idempotency-Key": "guests-1"}
    first = client.post("/mailings", headers=headers, **parts())
    again = client.post("/mailings", headers=headers, **parts())  # with another boundary
    other = client.post("/mailings", headers=headers, **parts(GUESTS.replace("bob", "eve")))

    assert first.get_json() == again.get_json() and again.headers["Idempotent-Replayed"] == "true"
    assert (other.status_code, other.get_json()["name"]) == (409, "invalid_idempotent_request")
    assert number_of_mailings(client.database) == 1


def test_rows_that_cannot_be_mailed_are_named_or_left_out(light_client: Client) -> None:
    guests = GUESTS + "not an address;Eve;Moe;Oslo\n;Dan;Doe;Kiel\n"
    refused = light_client.post("/mailings", **parts(guests))
    message = refused.get_json()["message"]
    assert refused.status_code == 422
    assert "2 rows cannot be mailed: row 4, “not an address”: " in message and "row 5" in message

    answer = light_client.post("/mailings", **parts(guests, leave_out="true"))
    assert answer.get_json()["total"] == 2


def test_a_preflight_of_it_tells_of_bad_rows_and_sends_nothing(light_client: Client) -> None:
    guests = GUESTS + "not an address;Eve;Moe;Oslo\neve@mail.example;;Moe;Oslo\n"
    answer = light_client.post("/mailings/preflight", **parts(guests))

    found = answer.get_json()
    assert answer.status_code == 200 and found["recipients"] == 3
    rows = {one["kind"]: one["rows"] for one in found["findings"]}
    assert (rows["bad_address"], rows["empty_value"]) == ([3], [4])
    assert number_of_mailings(light_client.database) == 0


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        (parts(b"%PDF-1.7 \x00\x01"), 422, "`recipients`: This file is a PDF"),
        (parts("Иван;ivan@mail.example\n".encode("cp1251")), 422, "`recipients_encoding`: cp1251: Иван"),
        (parts("name\nAnn\n"), 422, "`recipients`: 1 row cannot be mailed: row 1, “name”: No column holds"),
        (parts(""), 422, "`recipients`: There is nobody in this file."),
        (parts(mailing={**LETTER, "text": "{{ x }}"}), 422, "`text`: No recipient has a value for {{ x }}"),
        (parts(mailing={**LETTER, "recipients": []}), 422, "`recipients`: There is no such field"),
        (parts(mailing="{"), 400, "`mailing`: The body is not JSON"),
        (parts(mailing="[]"), 422, "This must be an object."),
        (parts(leave_out="perhaps"), 422, "`leave_out`: This must be true or false."),
        (parts(recipients_encoding="klingon"), 422, "`recipients_encoding`: This must be one of cp1252"),
        (parts(leaveout="true"), 422, "`leaveout`: There is no such field"),
        (parts(attachments=(io.BytesIO(b"x"), "a.txt")), 422, "`attachments`: There is no such part"),
        (form({"mailing": json.dumps(LETTER)}), 422, "Missing `recipients` part."),
        (form({"recipients": "a@b.example"}), 422, "Missing `mailing` part."),
        (form(b"garbage", "; boundary=x"), 422, "Missing `mailing` part."),
        (form(b"garbage"), 422, "Missing `mailing` part."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_the_part_and_the_fix(
    light_client: Client, given: dict[str, Any], status: int, words: str
) -> None:
    answer = light_client.post("/mailings", **given)
    assert (answer.status_code, words in answer.get_json()["message"]) == (status, True), answer.get_json()
    assert number_of_mailings(light_client.database) == 0


def test_a_part_that_is_given_twice_is_refused(light_client: Client) -> None:
    twice = [("mailing", json.dumps(LETTER)), ("recipients", GUESTS), ("recipients", GUESTS)]
    boundary, lines = "x", []
    for name, value in twice:
        lines += [f"--{boundary}", f'Content-Disposition: form-data; name="{name}"', "", value]
    data = "\r\n".join([*lines, f"--{boundary}--", ""]).encode()
    answer = light_client.post(
        "/mailings", data=data, content_type=f"multipart/form-data; boundary={boundary}"
    )
    assert (answer.status_code, answer.get_json()["message"]) == (422, "`recipients`: This is given twice.")


def test_only_its_senders_may_send_so(light_client: Client) -> None:
    key = new_key(light_client.database, scopes=["send"], senders=["other.example"])
    assert light_client.post("/mailings", key=key, **parts()).status_code == 403
    reader = new_key(light_client.database, scopes=["read"])
    assert light_client.post("/mailings", key=reader, **parts()).status_code == 401


@pytest.fixture
def another_list(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Is being read by this process, and takes its time."""
    monkeypatch.setattr(listed, "WAIT_FOR_TURN", 0.05)
    with listed._reading:
        yield


@pytest.mark.usefixtures("another_list")
def test_who_comes_while_others_are_read_is_told_to_come_again(light_client: Client) -> None:
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(light_client.post("/mailings", **parts())))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(one.status_code, one.headers["Retry-After"]) for one in answers] == [(429, "10")] * 4


def test_a_list_of_too_many_is_refused(light_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listed, "MOST_LISTED", 300)
    rows = "email\n" + "".join(f"p{number}@mail.example\n" for number in range(400))
    letter = {**LETTER, "subject": "Hi", "text": "Hi"}
    answer = light_client.post("/mailings", **parts(rows, mailing=letter))
    assert answer.status_code == 422 and "more than 300 rows" in answer.get_json()["message"]
