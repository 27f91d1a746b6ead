"""A time that was planned is the same moment on whichever page it is read, and whoever sends it there."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from html import unescape

import pytest
from flask.testing import FlaskClient

from mailroom.ledger.mailings import mailings
from mailroom.ledger.people import users
from mailroom.ledger.repeats import repeats
from tests.api.conftest import Client
from tests.web import watching

TODAY = datetime.now(UTC).date()
JANUARY = TODAY.year + (date(TODAY.year, 1, 14) <= TODAY)
"""The year of the next."""
BARE = {"from": "a@acme.example", "subject": "S", "text": "T", "recipients": [{"address": "ann@example.org"}]}
TYPED = {"sender": "a@acme.example", "subject": "S", "text": "T", "recipients": "ann@example.org"}


def of_zone(client: Client, zone: str) -> FlaskClient:
    email = f"{zone.replace('/', '.').lower() or 'nowhere'}@example.org"
    person = watching.signed_in(client.app, email)
    with client.database.begin() as connection:
        user = users.by_email(connection, email)
        assert user is not None
        users.set_zone(connection, user.id, zone)
    return person


def field(page: str, name: str) -> tuple[str, str]:
    """Its value, and its type."""
    tag = next(one for one in re.findall(r"<input[^>]*>", page) if f'name="{name}"' in one)
    found = dict(re.findall(r'(\w+)="([^"]*)"', tag))
    return unescape(found["value"]), found["type"]


def send_from_its_page(client: Client, person: FlaskClient, path: str) -> datetime | None:
    """As the page stands. When it goes."""
    page = person.get(path).text
    fields = {
        name: field(page, name)[0] for name in ("send_at", "time_zone", "hours", "draft", "draft_revision")
    }
    answer = watching.post(person, "/mailings", "/", **TYPED, **fields)
    assert answer.status_code == 303, answer.text
    return planned(client)


def planned(client: Client) -> datetime | None:
    with client.database.read() as connection:
        return mailings.page(connection)[0].send_at


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", ""])
@pytest.mark.parametrize("at", [f"{JANUARY}-01-15T09:00+09:00", f"{JANUARY}-01-15T09:00:07.125+05:45"])
def test_what_a_program_planned_stays_when_a_person_sends_it(
    light_client: Client, at: str, zone: str
) -> None:
    person = of_zone(light_client, zone)
    draft = light_client.post("/drafts", json={**BARE, "scheduled_at": at}).get_json()
    value, kind = field(person.get(draft["path"]).text, "send_at")
    assert kind == ("datetime-local" if zone else "text"), "or the browser would drop it"
    assert ("+" in value) == (not zone)
    assert send_from_its_page(light_client, person, draft["path"]) == datetime.fromisoformat(at)


def test_in_an_hour_that_comes_twice_it_is_the_one_that_was_said(light_client: Client) -> None:
    octobers = (date(TODAY.year + step, 10, day) for step in range(2) for day in range(31, 24, -1))
    clocks_go_back = next(day for day in octobers if day > TODAY and day.weekday() == 6)
    person = of_zone(light_client, "Europe/Berlin")
    for offset in ("+02:00", "+01:00"):
        at = f"{clocks_go_back}T02:30{offset}"
        draft = light_client.post("/drafts", json={**BARE, "scheduled_at": at}).get_json()
        moved = send_from_its_page(light_client, person, draft["path"])
        assert moved == datetime.fromisoformat(at)
        value, _ = field(person.get(person_path(light_client)).text, "send_at")
        again = f"{person_path(light_client)}/schedule"
        assert watching.post(person, again, person_path(light_client), send_at=value).status_code == 303
        assert planned(light_client) == moved, "nor does it move when its page is sent as it stands"


def person_path(client: Client) -> str:
    with client.database.read() as connection:
        return f"/mailings/{mailings.page(connection)[0].id}"


def test_what_one_typed_another_sends_at_the_same_moment(light_client: Client) -> None:
    """From the page of somebody elsewhere, and by a program that has no zone."""
    berlin, at = of_zone(light_client, "Europe/Berlin"), datetime(JANUARY, 1, 15, 8, 0, tzinfo=UTC)
    page = berlin.get("/").text
    typed = {**TYPED, "send_at": f"{JANUARY}-01-15T09:00", "hours": "Mon-Sun 8-20"}
    for sender in (of_zone(light_client, "Asia/Tokyo"), of_zone(light_client, ""), None):
        draft = light_client.post("/drafts", json=BARE).get_json()
        zone = {"time_zone": field(page, "time_zone")[0], "draft": draft["id"], "draft_revision": "1"}
        assert watching.post(berlin, "/drafts", "/", **typed, **zone).status_code == 303
        if sender is None:
            assert light_client.post(f"/drafts/{draft['id']}/send").status_code == 200
        else:
            hours, _ = field(sender.get(draft["path"]).text, "hours")
            assert hours in ("Mon-Sun 8-20", "daily 08:00-20:00 Europe/Berlin")
            send_from_its_page(light_client, sender, draft["path"])
        assert planned(light_client) == at


@pytest.mark.parametrize("zone", ["", "America/New_York"])
def test_opened_before_a_zone_is_kept_it_stays_when_one_is_kept_meanwhile(
    light_client: Client, zone: str
) -> None:
    """As the page's own scripts do it: the browser names its zone, which is kept, and then it is sent."""
    berlin, at = of_zone(light_client, "Europe/Berlin"), datetime(JANUARY, 1, 15, 8, 0, tzinfo=UTC)
    path = draft_of(light_client, berlin, send_at=f"{JANUARY}-01-15T09:00", hours="Mon-Sun 9-17")
    person = watching.signed_in(light_client.app)
    page = person.get(path).text
    assert field(page, "time_zone")[0] == "", "or its script would not name the one that its hint names"
    names = ("send_at", "hours", "draft", "draft_revision")
    fields = {name: field(page, name)[0] for name in names}
    if zone:
        assert watching.post(person, "/settings/zone", path, zone=zone, guess="1").status_code == 204
        assert f'data-zone="{zone}"' in person.get(path).text
    answer = watching.post(person, "/mailings", "/", **TYPED, **fields, time_zone="America/New_York")
    assert answer.status_code == 303, answer.text
    with light_client.database.read() as connection:
        mailing = mailings.page(connection)[0]
    assert (mailing.send_at, mailing.hours) == (at, "daily 09:00-17:00 Europe/Berlin")


REPEATED = {"repeat": "weekly mon 9:00", "repeat_until": "2099-12-31", "hours": "Mon-Fri 9-17"}
WHEN = (*REPEATED, "send_at", "time_zone", "repeat_zone", "draft", "draft_revision")


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", ""])
def test_a_repeat_stays_on_the_clocks_that_it_was_written_for(light_client: Client, zone: str) -> None:
    berlin = of_zone(light_client, "Europe/Berlin")
    path = draft_of(light_client, berlin, **REPEATED)
    person = berlin if zone == "Europe/Berlin" else of_zone(light_client, zone)
    page = person.get(path).text
    assert ("on the clocks of Europe/Berlin. Empty: it is mailed once." in unescape(page)) == (
        zone != "Europe/Berlin"
    )
    kept_as_it_stands(light_client, person, page)


def kept_as_it_stands(client: Client, person: FlaskClient, page: str) -> None:
    """And it is on the clocks of Berlin."""
    fields = {name: field(page, name)[0] for name in WHEN}
    answer = watching.post(person, "/mailings", "/", **TYPED, **fields)
    assert answer.status_code == 303, answer.text
    with client.database.read() as connection:
        (repeat,) = repeats.page(connection, limit=9)
    assert (repeat.zone, repeat.hours) == ("Europe/Berlin", "Mon-Fri 09:00-17:00 Europe/Berlin")
    assert repeat.ends_at == datetime(2099, 12, 31, 22, 59, 59, tzinfo=UTC)


def test_it_stays_through_other_zones_programs_and_checks(light_client: Client) -> None:
    path = draft_of(light_client, of_zone(light_client, "Europe/Berlin"), **REPEATED)
    for zone in ("America/New_York", "", "Asia/Tokyo"):
        person = of_zone(light_client, zone)
        fields = {name: field(person.get(path).text, name)[0] for name in WHEN}
        assert fields["repeat_zone"] == "Europe/Berlin"
        fields["hours"] = "Mon-Fri 9-17"  # typed anew, below a hint that names whose clocks these are
        assert watching.post(person, "/drafts", "/", **TYPED, **fields).location == path
        assert light_client.patch(path, json={"subject": f"Seen in {zone}"}).status_code == 200
    checked = watching.post(person, "/check", "/", **TYPED, **fields | {"draft": ""}).location
    kept_as_it_stands(light_client, person, person.get(f"{checked}/edit").text)


def test_a_repeat_on_clocks_that_there_are_none_of_is_refused_at_its_field(light_client: Client) -> None:
    person = of_zone(light_client, "Europe/Berlin")
    answer = watching.post(person, "/mailings", "/", **TYPED, **REPEATED, repeat_zone="Mars/Olympus")
    assert answer.status_code == 422 and "There is no such time zone" in answer.text
    assert field(answer.text, "repeat_zone")[0] == "", "or nobody could mend it"


def draft_of(client: Client, person: FlaskClient, **typed: str) -> str:
    """The path of one that this person wrote on the page."""
    draft = client.post("/drafts", json=BARE).get_json()
    zone = {"time_zone": field(person.get("/").text, "time_zone")[0]}
    of_it = {"draft": draft["id"], "draft_revision": "1"}
    assert watching.post(person, "/drafts", "/", **TYPED, **typed, **zone, **of_it).status_code == 303
    return str(draft["path"])


def test_what_cannot_be_read_stands_where_it_was_typed(light_client: Client) -> None:
    person = of_zone(light_client, "Europe/Berlin")
    answer = watching.post(person, "/mailings", "/", **TYPED, send_at="tomorrow at nine")
    assert answer.status_code == 422 and field(answer.text, "send_at") == ("tomorrow at nine", "text")
