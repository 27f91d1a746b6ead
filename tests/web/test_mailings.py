from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import pytest
from flask import Flask
from flask.testing import FlaskClient

from mailroom.ledger.mailings import mailings
from mailroom.ledger.states import State
from tests.web.watching import (
    a_batch,
    a_mailing,
    a_session,
    delivery_ids,
    ledger,
    note_attempts,
    post,
)

SENT = {"state": "sent", "code": 250, "reply": "2.0.0 OK", "attempts": 1}
FAILED = {"state": "failed", "code": 550, "reply": "5.1.1 No <b>such</b> user", "attempts": 1}


def state_of(app: Flask, mailing_id: int) -> str:
    with ledger(app).read() as connection:
        mailing = mailings.get(connection, mailing_id)
        assert mailing is not None
        return mailing.state


def test_an_empty_list_says_what_to_do_next(client: FlaskClient) -> None:
    page = client.get("/mailings").text
    assert "No mailings yet" in page
    assert "Write the first mailing" in page


def test_the_list_is_paged_newest_first(app: Flask, client: FlaskClient) -> None:
    for number in range(52):
        a_mailing(ledger(app), SENT, subject=f"Letter {number:02}", state="done")
    first = client.get("/mailings").text
    assert "Letter 51" in first and "Letter 02" in first and "Letter 01" not in first
    assert first.index("Letter 51") < first.index("Letter 50")
    with ledger(app).read() as connection:
        third = mailings.page(connection, limit=50)[-1].id
    second = client.get(f"/mailings?before={third}").text
    assert "Letter 01" in second and "Letter 02" not in second


def test_a_mailing_shows_its_counts_and_the_servers_words(app: Flask, client: FlaskClient) -> None:
    now = datetime.now(UTC)
    mailing_id = a_mailing(
        ledger(app),
        *[SENT] * 3,
        FAILED,
        state="done",
        accept_ms=7,
        started_at=now - timedelta(seconds=2),
        ended_at=now,
        subject="<script>alert(1)</script>",
    )
    page = client.get(f"/mailings/{mailing_id}").text
    assert "100 %" in page and "4 of 4" in page
    assert "3 sent" in page and "1 failed" in page
    assert "7 ms" in page and "2.0 s" in page and "2.0 mails/s" in page
    assert "5.1.1 No &lt;b&gt;such&lt;/b&gt; user" in page
    assert "<script>alert" not in page
    assert 'role="progressbar"' in page
    assert "data-moving" not in page and "http-equiv" not in page


def test_it_moves_by_itself_while_mail_is_going_out(app: Flask, client: FlaskClient) -> None:
    mailing_id = a_mailing(ledger(app), SENT, {}, started_at=datetime.now(UTC) - timedelta(seconds=10))
    page = client.get(f"/mailings/{mailing_id}").text
    assert "data-moving" in page
    assert '<noscript><meta http-equiv="refresh"' in page
    fragment = client.get(f"/mailings/{mailing_id}/progress")
    assert "50 %" in fragment.text and "<html" not in fragment.text
    assert fragment.headers["Cache-Control"] == "no-store"
    assert "Estimated end" in fragment.text


def test_deliveries_are_filtered_by_state_and_paged(app: Flask, client: FlaskClient) -> None:
    mailing_id = a_mailing(ledger(app), *[SENT] * 60, FAILED)
    assert "person61@" in client.get(f"/mailings/{mailing_id}?state=failed").text
    assert "person1@" not in client.get(f"/mailings/{mailing_id}?state=failed").text
    fiftieth = delivery_ids(ledger(app), mailing_id)[49]
    assert "person51@" not in client.get(f"/mailings/{mailing_id}").text
    assert "person51@" in client.get(f"/mailings/{mailing_id}?after={fiftieth}").text
    assert client.get(f"/mailings/{mailing_id}?state=nonsense").status_code == HTTPStatus.NOT_FOUND


def test_the_timeline_has_a_lane_for_each_session(app: Flask, client: FlaskClient) -> None:
    first, second = a_session(ledger(app), number=1), a_session(ledger(app), number=2)
    mailing_id = a_mailing(
        ledger(app),
        {**SENT, "session_id": first, "marked_at": 1000, "updated_at": 3000},
        {**SENT, "session_id": second, "marked_at": 1000, "updated_at": 3000},
        {**SENT, "session_id": first, "marked_at": 3000, "updated_at": 5000},
    )
    page = client.get(f"/mailings/{mailing_id}").text
    assert "worker A session 1 sent mails 1, 3, worker A session 2 sent mails 2" in page
    assert "style=" not in page


def test_it_says_when_no_worker_runs(app: Flask, client: FlaskClient) -> None:
    assert "No worker is running" in client.get(f"/mailings/{a_mailing(ledger(app), {})}").text


def test_it_says_when_a_worker_died_and_when_the_rest_goes_out(app: Flask, client: FlaskClient) -> None:
    mailing_id = a_mailing(ledger(app), {"state": "queued"})
    a_batch(ledger(app), mailing_id, owner="dead", lease_ms=12_000)
    page = client.get(f"/mailings/{mailing_id}").text
    assert "said nothing for 18 s" in page and "goes out again in 12 s" in page


def test_it_says_nothing_about_a_worker_that_renews_its_lease(app: Flask, client: FlaskClient) -> None:
    mailing_id = a_mailing(ledger(app), {"state": "queued"})
    a_batch(ledger(app), mailing_id, owner="alive", lease_ms=21_000)
    assert "said nothing" not in client.get(f"/mailings/{mailing_id}").text


def test_it_is_paused_resumed_and_canceled_by_hand(app: Flask, client: FlaskClient) -> None:
    mailing_id = a_mailing(ledger(app), {})
    path = f"/mailings/{mailing_id}"
    for verb, state in (("pause", "paused"), ("resume", "active")):
        answer = post(client, f"{path}/{verb}", path)
        assert (answer.status_code, answer.headers["Location"]) == (HTTPStatus.SEE_OTHER, path)
        assert state_of(app, mailing_id) == state
    assert "cannot be called back" in client.get(f"{path}/cancel").text
    assert state_of(app, mailing_id) == "active"
    post(client, f"{path}/cancel", f"{path}/cancel")
    assert state_of(app, mailing_id) == "canceled"


def test_nothing_is_moved_without_the_forms_token(app: Flask, client: FlaskClient) -> None:
    mailing_id = a_mailing(ledger(app), {})
    assert client.post(f"/mailings/{mailing_id}/pause").status_code == HTTPStatus.BAD_REQUEST
    assert client.get(f"/mailings/{mailing_id}/pause").status_code == HTTPStatus.METHOD_NOT_ALLOWED
    assert state_of(app, mailing_id) == "active"


def test_all_that_failed_is_tried_again(app: Flask, client: FlaskClient) -> None:
    mailing_id = a_mailing(ledger(app), SENT, FAILED, FAILED, state="done", ended_at=datetime.now(UTC))
    post(client, f"/mailings/{mailing_id}/retry", f"/mailings/{mailing_id}")
    with ledger(app).read() as connection:
        mailing = mailings.get(connection, mailing_id)
    assert mailing is not None
    assert (mailing.state, mailing.counts[State.QUEUED], mailing.counts[State.FAILED]) == ("active", 2, 0)


def test_a_delivery_shows_every_try(app: Flask, client: FlaskClient) -> None:
    mailing_id = a_mailing(ledger(app), FAILED, uid="abc")
    [delivery_id] = delivery_ids(ledger(app), mailing_id)
    note_attempts(
        ledger(app),
        delivery_id,
        [
            {"at": 1000, "stage": "rcpt", "outcome": "deferred", "code": 451, "reply": "4.7.1 Greylisted"},
            {"at": 2000, "stage": "rcpt", "outcome": "failed", "code": 550, "reply": "5.2.2 Full"},
        ],
    )
    page = client.get(f"/mailings/{mailing_id}/deliveries/{delivery_id}").text
    assert page.index("4.7.1 Greylisted") < page.index("5.2.2 Full")
    assert f"&lt;abc.{delivery_id}@example.org&gt;" in page
    other = a_mailing(ledger(app), SENT)
    wrong = client.get(f"/mailings/{other}/deliveries/{delivery_id}")
    assert wrong.status_code == HTTPStatus.NOT_FOUND


def test_a_person_decides_about_an_unknown_one(app: Flask, client: FlaskClient) -> None:
    mailing_id = a_mailing(ledger(app), {"state": "unknown"}, if_unknown="hold")
    path = f"/mailings/{mailing_id}/deliveries/{delivery_ids(ledger(app), mailing_id)[0]}"
    assert "it may have arrived" in client.get(path).text
    post(client, f"{path}/arrived", path)
    assert "Noted: it arrived." in client.get(path).text
    assert state_of(app, mailing_id) == "done"


def test_one_that_waits_for_evidence_says_for_how_long(app: Flask, client: FlaskClient) -> None:
    due_at = round((datetime.now(UTC) + timedelta(minutes=12, seconds=30)).timestamp() * 1000)
    waiting = {"state": "unknown", "due_at": due_at}
    for policy, is_told in (("evidence", True), ("resend", False)):
        mailing_id = a_mailing(ledger(app), waiting, if_unknown=policy)
        path = f"/mailings/{mailing_id}/deliveries/{delivery_ids(ledger(app), mailing_id)[0]}"
        page = client.get(path).text
        assert ("Waits for evidence for another 12 min" in page) == is_told
        assert "Send again" in page and "It arrived" in page


def test_the_csv_is_safe_to_open_in_a_spreadsheet(app: Flask, client: FlaskClient) -> None:
    mailing_id = a_mailing(
        ledger(app),
        {**SENT, "name": "=HYPERLINK(1)"},
        {**FAILED, "name": 'Zoë "Z", Müller', "reply": "-1\n@SUM"},
        {"name": "\tx", "address": "+a@example.org"},
        uid="abc",
    )
    answer = client.get(f"/mailings/{mailing_id}/deliveries.csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.text.splitlines()[0] == "address,name,state,attempts,code,reply,message_id,updated_at"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["name"] for row in rows] == ["'=HYPERLINK(1)", 'Zoë "Z", Müller', "'\tx"]
    assert rows[1]["reply"].startswith("'-1")
    assert rows[2]["address"] == "'+a@example.org" and rows[2]["code"] == ""
    assert rows[0]["message_id"] == f"<abc.{delivery_ids(ledger(app), mailing_id)[0]}@example.org>"


def test_the_csv_holds_everybody(app: Flask, client: FlaskClient) -> None:
    mailing_id = a_mailing(ledger(app), *[SENT] * 2_001)
    assert len(client.get(f"/mailings/{mailing_id}/deliveries.csv").text.splitlines()) == 2_002


@pytest.mark.parametrize("state", State)
def test_the_csv_of_one_state_holds_no_other(app: Flask, client: FlaskClient, state: State) -> None:
    mailing_id = a_mailing(ledger(app), *[{"state": other.value} for other in State] * 2)
    page = client.get(f"/mailings/{mailing_id}?state={state}").text
    path = f"/mailings/{mailing_id}/deliveries.csv?state={state}"
    assert f'href="{path}"' in page, "the link follows the tab"
    answer = client.get(path)
    assert [row["state"] for row in csv.DictReader(io.StringIO(answer.text))] == [state.value] * 2
    assert f'filename="mailing-{mailing_id}-{state}.csv"' in answer.headers["Content-Disposition"]
    assert client.get(f"/mailings/{mailing_id}/deliveries.csv?state=nonsense").status_code == 404


@pytest.mark.parametrize("rest", ["", "/progress", "/deliveries.csv", "/cancel", "/deliveries/1"])
def test_a_mailing_that_is_not_there_is_not_found(client: FlaskClient, rest: str) -> None:
    assert client.get(f"/mailings/12345{rest}").status_code == HTTPStatus.NOT_FOUND
