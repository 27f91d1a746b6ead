"""Every time on every page names its zone: the reader's own, as it is kept of them or their browser says."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from uuid import uuid4

import pytest
from aiosmtpd.smtp import Envelope
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from mailroom.content.lists.newcomers import Newcomer
from mailroom.content.lists.stated_consent import StatedConsent
from mailroom.content.recipients.parsed import Recipient
from mailroom.content.schedule.repeat_rules import repeat_rule
from mailroom.content.templates.template_letter import TemplateLetter
from mailroom.engine.accept.submission import Submission
from mailroom.engine.lists.importing import put
from mailroom.engine.repeats import planning
from mailroom.engine.repeats.planning import RepeatPlan
from mailroom.ledger import holding, suppressions
from mailroom.ledger.drafts import stored as drafts
from mailroom.ledger.drafts.kept_fields import KeptFields
from mailroom.ledger.drafts.stored import Writing
from mailroom.ledger.lists import kept as kept_lists
from mailroom.ledger.people import api_keys, users
from mailroom.ledger.relays import circuit
from mailroom.ledger.templates import stored, versions
from mailroom.ledger.webhooks import webhook_endpoints, webhook_events
from mailroom.local.catcher import Maildir
from mailroom.queue import BULK
from mailroom.settings import Settings
from mailroom.web.layout.navigation import PLACES
from mailroom.web.race.record import Leg, Race, Races
from tests.ledger.book import CONTENT
from tests.web.watching import a_mailing, delivery_ids, ledger, note_attempts

CLOCK = re.compile(r"(?<![\d:.+-])\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d+)?(?![\d:])(?: ?[AP]M| Uhr)?")
ZONE = re.compile(
    r"(?:\s(?:UTC|GMT)(?:[+−-]\d{1,2}(?::\d{2})?)?|\s[A-Z]{3,5}|\s[A-Z]\w+/\w+|Z|\s?[+-]\d{2}:?\d{2})\b"
)


def without_zone(text: str) -> list[str]:
    """The times in it that do not say of which zone they are."""
    text = text.replace("\u202f", " ").replace("\xa0", " ")
    return [found[0] for found in CLOCK.finditer(text) if not ZONE.match(text, found.end())]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("at 12:14 AM", ["12:14 AM"]),
        ("12:14 AM GMT-3:30, 12:14:05.123", ["12:14:05.123"]),
        ("Nov 29, 2026, 12:14 AM UTC and 00:14:05 CET", []),
        ("2026-11-29T00:05:36+00:00 and 2026-11-29 10:30 UTC, 127.0.0.1:25 4.7.1", []),
        ("every Monday at 09:00 Europe/Berlin", []),
        ("29.11.2026, 00:14:05", ["00:14:05"]),
    ],
)
def test_one_without_is_found(text: str, found: list[str]) -> None:
    assert without_zone(text) == found


@pytest.fixture
def pages(app: Flask, settings: Settings) -> list[str]:
    """The addresses of pages that show times of every kind."""
    database, now = ledger(app), datetime.now(UTC)
    later = int(time.time() * 1000) + 3_600_000
    mailing_id = a_mailing(
        database,
        {"state": "deferred", "due_at": later, "code": 451, "reply": "4.7.1 later", "attempts": 1},
        {"state": "sent", "marked_at": later - 4_000_000, "attempts": 1},
        next_due_at=now + timedelta(hours=1),
        started_at=now - timedelta(minutes=5),
    )
    scheduled = a_mailing(database, {}, state="scheduled", send_at=now + timedelta(days=1))
    ended = a_mailing(database, {"state": "sent"}, state="done", started_at=now, ended_at=now)
    one = delivery_ids(database, mailing_id)[0]
    note_attempts(database, one, [{"at": later, "stage": "rcpt", "outcome": "deferred", "reply": "later"}])
    with database.begin() as connection:
        circuit.failed(connection, f"{settings.mail_server}:{settings.mail_port}", "connect", None, "refused")
        holding.hold(connection, "somebody looks")
        suppressions.add(connection, ["eve@example.org"], "manual", "")
        _, key_id = api_keys.add(
            connection, "shop", scopes=(api_keys.READ,), expires_at=now + timedelta(days=9)
        )
        api_keys.revoke(connection, key_id)
        endpoint = webhook_endpoints.add(connection, "https://example.org/hooks", ["email.sent"])
        call = webhook_events.note_test(connection, endpoint)
        webhook_endpoints.disable(connection, endpoint, "gone")
        template = stored.add(connection, "Letterhead", TemplateLetter(subject="Hello").as_json())
        kept = stored.find(connection, template)
        assert kept is not None
        versions.publish(connection, kept)
        plan = RepeatPlan(repeat_rule("weekly mon 9:00"), "Europe/Berlin")
        draft = drafts.add(connection, str(uuid4()), Writing(KeptFields(), subject="Not yet sent"))
        made = kept_lists.add(connection, "Digest", "digest", columns=())
        put(connection, made, Newcomer("ann@example.org", "Ann", {}, StatedConsent(how="in the shop")))
    repeat = planning.keep(database, Submission(CONTENT, [Recipient("a@b.example")]), plan)
    races = Races(settings.home / "races")
    races.save(
        Race("20261129-000000-abcd", 1, time.time(), [Leg("inline", 1, 1000.0, 1002.5, 2.5, None, 1002.5)])
    )
    app.extensions["mailroom"].queue.enqueue([(9, 1, 1, BULK)])
    caught = Envelope()
    letter = EmailMessage()
    letter["Subject"], letter["Date"] = "caught", now
    letter.set_content("x")
    caught.mail_from, caught.rcpt_tos, caught.original_content = "a@b.example", ["c@d.example"], bytes(letter)
    name = Maildir(settings.home / "inbox").keep(caught).name
    return [
        *("/", "/mailings", "/mailings?q=person1", f"/mailings/{mailing_id}", f"/mailings/{scheduled}"),
        *(f"/mailings/{ended}", f"/mailings/{mailing_id}/deliveries/{one}", "/attention", "/suppressions"),
        *(
            "/drafts",
            f"/drafts/{draft.uid}",
            "/lists",
            f"/lists/{made.uid}",
            f"/lists/{made.uid}/recipients/1",
            "/templates",
            f"/templates/{template}",
            "/calendar",
            "/repeats",
            f"/repeats/{repeat}",
            "/keys",
            "/settings",
            "/inbox",
            f"/inbox/{name}",
            "/race",
            "/race/20261129-000000-abcd",
        ),
        *("/webhooks", f"/webhooks/{endpoint}", f"/webhooks/{endpoint}/calls/{call}"),
        *("/queue/", "/queue/0/view/job/deliver-9-1", "/queue/0/view/workers"),
    ]


@pytest.mark.parametrize(
    ("zone", "locale", "scripts"),
    [("America/St_Johns", "en-US", True), ("Europe/Berlin", "de-DE", True), ("Asia/Tokyo", "en-US", False)],
)
def test_every_time_names_its_zone(
    browser: Browser, url: str, app: Flask, pages: list[str], zone: str, locale: str, scripts: bool
) -> None:
    context = browser.new_context(timezone_id=zone, locale=locale, java_script_enabled=scripts)
    tab = context.new_page()
    with ledger(app).begin() as connection:
        user = users.add(connection, "watcher@example.org", None)
        link = users.make_link(connection, user.id)
    tab.goto(f"{url}/sign-in?token={link}")
    wrong, wide, timeless = {}, [], []
    for path in pages:
        tab.goto(url + path)
        if scripts and "/job/" in path:
            tab.wait_for_selector("#job-data >> text=Created at")  # it has dates, and no time of day
        if scripts:
            tab.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
        text = tab.locator("body").inner_text()
        if found := without_zone(text):
            wrong[path] = found
        if not CLOCK.search(text):
            timeless.append(path)
        for width in (390, 360) if scripts else ():  # figures in two columns, and in one
            tab.set_viewport_size({"width": width, "height": 740})
            if tab.evaluate("document.documentElement.scrollWidth") > width:
                wide.append(path)
    tab.goto(url)
    hint = tab.locator("#send_at-hint").text_content() or ""
    context.close()
    assert (zone if scripts else "choose it in Settings") in hint
    assert wrong == {}
    assert wide == [], "with their zones they are no wider than the screen"
    assert set(timeless) == set(pages[-3:]), "the others show some"
    assert {address for address, *_ in PLACES} <= set(pages)


def test_the_zone_of_the_browser_is_kept_and_the_one_that_is_chosen_holds_everywhere(
    browser: Browser, url: str, app: Flask
) -> None:
    """In a browser of another zone, too, and with scripts or none."""
    with ledger(app).begin() as connection:
        user = users.add(connection, "traveller@example.org", None)
        link = users.make_link(connection, user.id)
    at = datetime(2027, 1, 15, 12, 0, tzinfo=UTC)
    mailing_id = a_mailing(ledger(app), {}, state="scheduled", send_at=at)

    def seen(zone: str, scripts: bool = True) -> str:
        context = browser.new_context(timezone_id=zone, locale="en-US", java_script_enabled=scripts)
        tab = context.new_page()
        tab.goto(f"{url}/sign-in?token={link}", wait_until="networkidle")
        tab.goto(f"{url}/mailings/{mailing_id}", wait_until="networkidle")
        words = tab.locator("main").inner_text().replace("\u202f", " ")
        context.close()
        return words

    assert "9:00 PM GMT+9" in seen("Asia/Tokyo")
    assert "2027-01-15 21:00 JST" in seen("America/New_York", scripts=False), "it was kept"
    with ledger(app).begin() as connection:
        users.set_zone(connection, user.id, "Europe/Berlin")
    assert "1:00 PM GMT+1" in seen("Asia/Tokyo")
    assert "2027-01-15 13:00 CET" in seen("Asia/Tokyo", scripts=False)


def test_a_time_with_seconds_is_set_to_a_round_one(page: Page, url: str, app: Flask) -> None:
    """On the page of its mailing, and in the form of a draft."""
    page.wait_for_load_state("networkidle")  # the browser's zone is kept
    exactly = (datetime.now(UTC) + timedelta(days=9)).replace(second=7, microsecond=125_000)
    mailing_id = a_mailing(ledger(app), {}, state="scheduled", send_at=exactly)
    with ledger(app).begin() as connection:
        fields = KeptFields((("send_at", exactly.isoformat()),))
        draft = drafts.add(connection, str(uuid4()), Writing(fields, subject="S"))
    for path, words in (
        (f"/mailings/{mailing_id}", "Goes out"),
        (f"/drafts/{draft.uid}", "Send at (optional)"),
    ):
        page.goto(url + path)
        field = page.get_by_label(words)
        field.evaluate("one => { one.closest('details').open = true }")
        expect(field).to_have_value(re.compile(":07.125$"))
        field.fill(f"{exactly:%Y-%m-%d}T10:30")
        assert field.evaluate("one => one.validationMessage") == ""
