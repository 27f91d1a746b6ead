"""The report of a mailing by the API: the same figures as JSON, CSV and PDF, for who may read it."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from mailroom.ledger.schema import mailings
from mailroom.ledger.states import State
from mailroom.web.api.answers.results import ReportAnswer
from tests.api.conftest import Client, new_key
from tests.web.watching import a_mailing

ROWS = (
    {"state": State.SENT, "dated_at": 1_000, "updated_at": 1_250, "attempts": 1},
    {"state": State.FAILED, "attempts": 1, "code": 550, "reply": "5.1.1 No such user"},
)


@pytest.fixture
def path(client: Client) -> str:
    mailing_id = a_mailing(client.database, *ROWS)
    with client.database.read() as connection:
        uid = connection.execute(select(mailings.c.uid).where(mailings.c.id == mailing_id)).scalar_one()
    return f"/mailings/{uid}/report"


def test_as_json_it_is_what_the_document_says(client: Client, path: str) -> None:
    told = client.get(path).get_json()
    ReportAnswer.model_validate(told)
    assert {one["name"]: one["number"] for one in told["figures"]}["sent"] == 1
    assert (told["median_ms"], told["p95_ms"]) == (250, 250)
    (reason,) = told["reasons"]
    assert (reason["code"], reason["status"], reason["words"]) == (550, "5.1.1", "no such user")
    assert reason["domains"] == [{"domain": "example.org", "number": 1}]
    assert told["domains"][0]["counts"] == {"sent": 1, "failed": 1}
    assert told["course"][-1]["counts"] == {"sent": 1, "failed": 1}


@pytest.mark.parametrize(("kind", "begins"), [("csv", b"part,"), ("pdf", b"%PDF-"), ("json", b"{")])
def test_as_a_file_by_format_or_by_accept(client: Client, path: str, kind: str, begins: bytes) -> None:
    content_type = {"csv": "text/csv; charset=utf-8", "pdf": "application/pdf", "json": "application/json"}[
        kind
    ]
    for answer in (
        client.get(f"{path}?format={kind}", headers={"Accept": "*/*"}),
        client.get(path, headers={"Accept": content_type.partition(";")[0]}),
    ):
        assert answer.content_type == content_type and answer.data.startswith(begins)
        assert answer.headers["Cache-Control"] == "no-store"
    assert client.get(f"{path}?format=xlsx").status_code == 422


def test_a_key_reaches_its_own_only(client: Client, path: str) -> None:
    key = new_key(client.database, scopes=["send", "read"])
    for kind in ("json", "csv", "pdf"):
        answer = client.get(f"{path}?format={kind}", key=key)
        assert answer.status_code == 404 and "example.org" not in answer.text
    assert client.get(path, key=new_key(client.database, scopes=["send"])).status_code == 401
