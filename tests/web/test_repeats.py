"""Repeats on pages: kept from the form, shown with what is to come, changed, paused, sent now, canceled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from mailroom.engine.repeats import ticking
from mailroom.ledger.mailings import mailings
from mailroom.ledger.repeats import repeats
from mailroom.ledger.repeats.repeats import Repeat
from mailroom.ledger.schema import repeats as repeats_table
from tests.web.watching import ledger

Csrf = Callable[..., str]
LETTER = {
    "sender": "Ann <a@b.example>",
    "recipients": "c@d.example\ne@f.example",
    "subject": "News",
    "text": "Dear all",
    "idempotency_key": "k",
    "time_zone": "Europe/Berlin",
}
Post = Callable[..., str]


@pytest.fixture
def post(client: FlaskClient, csrf: Csrf) -> Post:
    """The page after it."""

    def posted(path: str, status: int = 200, **fields: str) -> str:
        form = {**fields, "csrf_token": csrf(client)}
        answer = client.post(path, data=form, follow_redirects=True)
        assert answer.status_code == status, answer.text
        return answer.text

    return posted


def only(app: Flask) -> Repeat:
    with ledger(app).read() as connection:
        (found,) = repeats.page(connection, limit=9)
    return found


def test_one_is_kept_from_the_form_and_sent_at_its_tick(app: Flask, client: FlaskClient, post: Post) -> None:
    page = post("/mailings", **LETTER, repeat="weekly mon 9", repeat_times="4", hours="Mon-Fri 9-17")
    assert "nothing was sent now" in page and "every Monday at 09:00 Europe/Berlin" in page
    assert "Dear all" in page and "only Mon-Fri 09:00-17:00 Europe/Berlin" in page
    again = post("/mailings", **LETTER, repeat="weekly mon 9", repeat_times="4", hours="Mon-Fri 9-17")
    assert "every Monday at 09:00" in again, "the same form again keeps no second one"
    repeat = only(app)
    assert (repeat.zone, repeat.times, repeat.total) == ("Europe/Berlin", 4, 2)
    with ledger(app).begin() as connection:
        past = datetime.now(UTC) - timedelta(seconds=2)
        connection.execute(update(repeats_table).values(next_at=past))
    ticking.tick_all(ledger(app), app.extensions["mailroom"].queue)
    with ledger(app).read() as connection:
        (mailing,) = mailings.page(connection)
    page = client.get(f"/repeats/{repeat.uid}").text
    assert f"/mailings/{mailing.id}" in page and "2 mails" in page
    assert (mailing.subject, mailing.total, only(app).times) == ("News", 2, 3)
    assert "every Monday at 09:00" in client.get("/repeats").text


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"repeat": "now and then"}, "Write a rule like weekly mon,thu 09:00"),
        ({"repeat": "daily 9", "repeat_until": "soon"}, "Write the last day like 2030-12-31."),
        (
            {"repeat": "daily 9", "repeat_until": "2020-01-01"},
            "There is no tick of that rule before its end.",
        ),
        ({"repeat": "daily 9", "repeat_times": "-1"}, "Write a number up to 10,000, or nothing."),
    ],
)
def test_what_cannot_be_meant_is_told_at_its_field(
    app: Flask, post: Post, wrong: dict[str, str], told: str
) -> None:
    page = post("/mailings", 422, **LETTER, **wrong)
    assert told in page and "Dear all" in page
    with ledger(app).read() as connection:
        assert repeats.page(connection, limit=9) == []


def test_it_is_changed_paused_resumed_sent_now_and_canceled(app: Flask, post: Post) -> None:
    post("/mailings", **LETTER, repeat="daily 9")
    path = f"/repeats/{only(app).uid}"
    change = {"repeat": "monthly 31 8", "repeat_zone": "Asia/Tokyo", "repeat_until": "2099-12-31"}
    assert "on the last day of each month at 08:00 Asia/Tokyo" in post(path, **change)
    assert only(app).ends_at == datetime(2099, 12, 31, 14, 59, 59, tzinfo=UTC)
    assert "no such time zone" in post(path, 422, **{**change, "repeat_zone": "Mars"})
    assert "Say when it is mailed." in post(path, 422, **{**change, "repeat": ""})
    assert "Write days and hours like" in post(path, 422, **{**change, "hours": "never"})
    assert "Paused." in post(f"{path}/pause")
    assert "had moved on" in post(f"{path}/pause")
    assert "Resumed" in post(f"{path}/resume")
    opened = str(round(datetime.now(UTC).timestamp() * 1000))
    assert "read the letter" in post(f"{path}/send", at=opened), "the mailing's page"
    assert "nothing was sent twice" in post(f"{path}/send", at=opened)
    page = post(f"{path}/cancel")
    assert "Canceled. The mailings" in page and "Send now" not in page and "Change when" not in page
    assert "had moved on" in post(f"{path}/send")
    with ledger(app).read() as connection:
        assert len(mailings.page(connection)) == 1


def test_one_that_paused_itself_says_why(app: Flask, client: FlaskClient, post: Post) -> None:
    post("/mailings", **LETTER, repeat="daily 9")
    with ledger(app).begin() as connection:
        repeats.pause(connection, only(app), "a zone <b>is</b> gone")
    assert "a zone &lt;b&gt;is&lt;/b&gt; gone" in client.get(f"/repeats/{only(app).uid}").text


def test_a_repeat_that_is_not_there_is_not_found(client: FlaskClient) -> None:
    assert client.get("/repeats/00000000-0000-4000-8000-000000000000").status_code == 404
    assert client.get("/repeats/1").status_code == 404
    assert "Nothing repeats" in client.get("/repeats").text
