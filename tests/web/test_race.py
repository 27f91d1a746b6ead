from __future__ import annotations

import os
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from mailroom.ledger.deliveries import deliveries
from mailroom.queue import Queue
from mailroom.settings import Settings, load
from mailroom.web.race.record import PLANS, Leg, Race, Races
from tests.ports import own_port
from tests.servers import Catcher, wait_until
from tests.warm_processes import start_python
from tests.web.watching import ledger, post, signed_in

ROOT = Path(__file__).resolve().parents[2]
DELAY = 0.3


@pytest.fixture
def slow(catcher: Catcher) -> Catcher:
    """The test's catcher, taking its time; an asyncio server, so sessions wait side by side."""
    catcher.delay = DELAY
    return catcher


@pytest.fixture
def env(settings_env: dict[str, str], slow: Catcher) -> dict[str, str]:
    return settings_env | {"MAILROOM_LOCAL": "1", "MAILROOM_SLOW_SERVER": f"127.0.0.1:{slow.port}"}


@pytest.fixture
def settings(env: dict[str, str]) -> Settings:
    return load(env)


@pytest.fixture
def worker(env: dict[str, str], tmp_path: Path) -> Iterator[None]:
    words = ["worker.py", "--workers", "1"]
    process = start_python(words, os.environ | env, tmp_path / "worker.log")
    wait_until(Queue(env["REDIS_URL"]).workers, what="the worker")
    yield
    process.terminate()
    process.wait(20)


def run_next(client: FlaskClient, race: str) -> None:
    assert post(client, f"{race}/next", race).headers["Location"] == race


def arrived(client: FlaskClient, race: str) -> bool:
    return "data-moving" not in client.get(race).text


def leg(kind: str = "queued", seconds: float = 0.005, **values: object) -> Leg:
    return Leg(kind, 5, 1000.0, 1000.0 + seconds, seconds, **values)  # type: ignore[arg-type]


def test_the_synchronous_half_waits_for_every_mail(client: FlaskClient, slow: Catcher) -> None:
    race = start(client, mails=3)
    run_next(client, race)
    assert [mail.recipients for mail in slow.mails] == [[f"runner-{n}@example.org"] for n in (1, 2, 3)]
    page = client.get(race).text
    for words in ("Process initiated at", "Process completed at", "Total time for sending 3 mails"):
        assert words in page
    assert "Run 2 of 4" in page


def test_the_same_mails_through_the_queue(
    app: Flask, client: FlaskClient, slow: Catcher, worker: None, env: dict[str, str]
) -> None:
    race = start(client, mails=5)
    for _ in PLANS:
        run_next(client, race)
        wait_until(lambda: arrived(client, race), timeout=30, what="the last mail")
    assert len(slow.mails) == 20
    kept = Races(Path(env["MAILROOM_HOME"]) / "races").get(race.rpartition("/")[2])
    assert kept is not None and kept.finished and not any(leg.error for leg in kept.legs)
    inline, *queued = kept.legs
    assert inline.seconds >= 5 * DELAY
    assert all(leg.seconds < inline.seconds for leg in queued)
    assert kept.ratio is not None and kept.ratio > 1
    # Which sessions sent, and no times: what is asked of a busy machine is not that it be quick.
    five, two, one = (sessions_of(app, leg) for leg in queued)
    assert 2 < five <= 5 and (two, one) == (2, 1)
    assert (queued[1].arrival_seconds or 0) >= 3 * DELAY and (queued[2].arrival_seconds or 0) >= 5 * DELAY
    page = client.get(race).text
    assert "×" in page and "The mailing with its timeline" in page
    assert race in client.get("/race").text


def test_a_server_that_is_not_there_is_named(env: dict[str, str]) -> None:
    client = signed_in(create_app(load(env | {"MAILROOM_SLOW_SERVER": f"127.0.0.1:{own_port()}"})))
    race = start(client)
    run_next(client, race)
    assert "did not take the mails" in client.get(race).text


def test_a_leg_that_runs_is_not_run_twice(app: Flask, client: FlaskClient, slow: Catcher) -> None:
    race = start(client)
    with races(app).running(race.rpartition("/")[2]) as mine:
        assert mine
        run_next(client, race)
    assert slow.mails == []


def test_what_the_browser_waited_is_noted_once(app: Flask, client: FlaskClient) -> None:
    race = start(client, mails=1)
    run_next(client, race)
    for milliseconds in ("1234.5", "9"):
        post(client, f"{race}/waited", race, milliseconds=milliseconds)
    kept = races(app).get(race.rpartition("/")[2])
    assert kept is not None and kept.legs[0].browser_ms == 1234.5


@pytest.mark.parametrize("mails", ["0", "21", "many", ""])
def test_only_a_few_mails_race(client: FlaskClient, mails: str) -> None:
    answer = post(client, "/race", "/race", mails=mails)
    assert answer.headers["Location"] == "/race"
    assert "from 1 to 20 mails" in client.get("/race").text


@pytest.mark.parametrize(
    "race", ["nothing", "20260101-000000-zzzz", "..%2f..%2flocal", "20260101-000000-abcd"]
)
def test_a_race_that_never_was_is_not_found(client: FlaskClient, race: str) -> None:
    assert client.get(f"/race/{race}").status_code == HTTPStatus.NOT_FOUND


def test_without_a_slow_server_the_page_says_how_to_try_it(settings_env: dict[str, str]) -> None:
    client = signed_in(create_app(load(settings_env)))
    page = client.get("/race").text
    assert "make run" in page and "Start the race" not in page


def test_the_command_prints_the_same(app: Flask, worker: None) -> None:
    result = app.test_cli_runner().invoke(args=["race", "--mails", "2"])
    assert result.exit_code == 0, result.output
    for words in (
        "Process initiated at",
        "Total time for sending 2 mails",
        "times sooner",
        "queue, 2 sessions",
    ):
        assert words in result.output


def test_the_command_says_when_there_is_nothing_to_race_against(settings_env: dict[str, str]) -> None:
    result = create_app(load(settings_env)).test_cli_runner().invoke(args=["race"])
    assert result.exit_code == 1
    assert "There is no slow mail server here" in result.output


def test_a_race_knows_what_is_next() -> None:
    assert Race("x", 5, 0.0).next_plan == PLANS[0]
    race = Race("x", 5, 0.0)
    race.legs = [leg("inline", 10.0, last_arrived_at=1010.0), leg(mailing_id=1)]
    under_way = race.next_plan
    race.legs[1].last_arrived_at = 1002.0
    assert (under_way, race.next_plan) == (None, PLANS[2])
    assert race.ratio == pytest.approx(2000)


def sessions_of(app: Flask, leg: Leg) -> int:
    with ledger(app).read() as connection:
        return len({row.session_id for row in deliveries.page(connection, leg.mailing_id or 0)})


def races(app: Flask) -> Races:
    return Races(app.extensions["mailroom"].settings.home / "races")


def start(client: FlaskClient, mails: int = 2) -> str:
    answer = post(client, "/race", "/race", mails=str(mails))
    assert answer.status_code == HTTPStatus.SEE_OTHER
    where: str = answer.headers["Location"]
    return where.removesuffix("?go=1")
