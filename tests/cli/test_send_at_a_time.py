"""flask send --at, --zone and --hours."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from click.testing import Result
from flask import Flask

from app import create_app
from mailroom.ledger.mailings import mailings
from mailroom.settings import Settings

LETTER = ("--from", "ann@example.org", "--to", "bob@example.org", "--subject", "Hi", "--text", "Dear")


@pytest.fixture
def application(settings: Settings) -> Flask:
    return create_app(settings)


def send(application: Flask, *arguments: str) -> Result:
    return application.test_cli_runner().invoke(args=["send", *LETTER, *arguments])


def planned(application: Flask) -> list[tuple[datetime | None, str | None]]:
    with application.extensions["mailroom"].database.read() as connection:
        return [(mailing.send_at, mailing.hours) for mailing in mailings.page(connection)]


def test_at_a_time_on_the_clocks_of_a_zone_and_within_hours(application: Flask) -> None:
    answer = send(
        application, "--at", "2030-06-01 09:00", "--zone", "Europe/Berlin", "--hours", "Mon-Fri 9-17"
    )
    assert answer.exit_code == 0, answer.output
    monday = datetime(2030, 6, 3, 7, 0, tzinfo=UTC)
    assert planned(application) == [(monday, "Mon-Fri 09:00-17:00 Europe/Berlin")]


def test_where_the_clocks_jump_it_says_what_is_meant(application: Flask) -> None:
    answer = send(application, "--at", "2030-03-31 02:30", "--zone", "Europe/Berlin")
    assert answer.exit_code == 0 and "There is no 02:30 on that day" in answer.output
    assert planned(application) == [(datetime(2030, 3, 31, 1, 0, tzinfo=UTC), None)]


def test_a_time_with_its_offset_needs_no_zone(application: Flask) -> None:
    assert send(application, "--at", "2030-10-27T02:30+01:00").exit_code == 0
    assert planned(application) == [(datetime(2030, 10, 27, 1, 30, tzinfo=UTC), None)]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--at", "tomorrow"), "--at: write it like"),
        (("--at", "2030-06-01 09:00"), "--at needs --zone"),
        (("--at", "2030-06-01 09:00", "--zone", "Mars"), "--zone: There is no such time zone"),
        (("--hours", "Mon-Fri 9-17"), "--hours: Say of which time zone"),
        (("--hours", "never", "--zone", "UTC"), "--hours: Write days and hours"),
    ],
)
def test_what_cannot_be_meant_is_refused(application: Flask, arguments: tuple[str, ...], told: str) -> None:
    answer = send(application, *arguments)
    assert answer.exit_code == 1 and told in answer.output
    assert planned(application) == []
