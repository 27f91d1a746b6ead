"""Pages judged by axe-core: WCAG 2.2 AA and its best practices, in light and in dark."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, FilePayload, Page, expect

from mailroom.content.addresses import Address
from mailroom.content.content import Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.content.schedule.repeat_rules import repeat_rule
from mailroom.engine.accept.submission import Submission
from mailroom.engine.repeats import planning
from mailroom.engine.repeats.planning import RepeatPlan
from mailroom.feedback.providers.post import Post
from mailroom.ledger.feedback import provider_doors
from mailroom.web.providers.door import PROVIDER_POSTS
from tests.browser.test_the_unsubscribe_page import unsubscribe_link
from tests.feedback.providers import posts
from tests.web.watching import a_mailing

PICTURES = os.environ.get("AXE_PICTURES")
"""A folder, for whoever wants to look at what was judged."""

AUDIT = "axe.run(document, {resultTypes: ['violations', 'incomplete']})"
WHOLE_PAGE = "document"


def found(page: Page, axe: str, where: str = WHOLE_PAGE) -> list[str]:
    """What is wrong, and what axe cannot tell: neither is there."""
    page.evaluate(axe)
    result: dict[str, Any] = page.evaluate(AUDIT.replace(WHOLE_PAGE, where))
    assert len(result["passes"]) > 10, "it looked at nothing"
    return [
        f"{rule['id']}: {rule['nodes'][0]['html']}: {rule['nodes'][0]['failureSummary']}"
        for rule in result["violations"] + result["incomplete"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_on_no_page_of_a_link(
    browser: Browser, app: Flask, url: str, axe: str, scheme: Any, width: int
) -> None:
    link = url + unsubscribe_link(app)
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme, locale="de-DE")
    page.goto(link)
    assert found(page, axe) == []
    page.get_by_role("button", name="Abbestellen").click()
    page.locator("summary").click()
    assert found(page, axe) == []
    page.get_by_role("button", name="Das war ein Versehen").click()
    expect(page.get_by_role("button", name="Das war ein Versehen")).to_have_count(0)
    page.wait_for_load_state()
    assert found(page, axe) == []
    page.goto(f"{url}/unsubscribe/nonsense")
    assert found(page, axe) == []
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_on_no_page_of_providers(
    browser: Browser, app: Flask, url: str, way_in: str, axe: str, scheme: Any, width: int
) -> None:
    providers_told_something(app)
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(way_in)
    for path in ("", "/resend", "/postmark", "/brevo"):
        page.goto(f"{url}/webhooks/providers{path}")
        seen(page, scheme, f"{path[1:] or 'all'}-{width}")
        assert found(page, axe) == []
    page.get_by_role("button", name="Switch it on").click()
    expect(page.get_by_role("heading", name="Its URL, with its password in it")).to_be_visible()
    seen(page, scheme, f"password-{width}")
    assert found(page, axe) == []
    page.goto(f"{url}/webhooks/providers/sendgrid")
    page.get_by_label("One in each line").fill("no key at all")
    page.get_by_role("button", name="Switch it on").click()
    expect(page.get_by_role("alert")).to_contain_text("Line 1 is no Verification key")
    seen(page, scheme, f"refused-{width}")
    assert found(page, axe) == []
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_on_no_page_of_a_mailing_s_outcome(
    browser: Browser, app: Flask, url: str, way_in: str, axe: str, scheme: Any, width: int
) -> None:
    states = ("failed", "sent", "failed")
    mailing_id = a_mailing(app.extensions["mailroom"].database, *({"state": state} for state in states))
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(way_in)
    page.goto(f"{url}/mailings/{mailing_id}?state=sent")
    expect(page.get_by_role("link", name="New mailing to those whose state is sent")).to_be_visible()
    page.goto(f"{url}/mailings/{mailing_id}")
    seen(page, scheme, f"outcomes-{width}")
    assert found(page, axe) == []
    page.get_by_role("link", name="Results").click()
    expect(page.get_by_role("heading", name="Failures by reason")).to_be_visible()
    seen(page, scheme, f"report-{width}")
    # Of words in a picture it cannot tell the ground, as tests/web/test_contrast.py does; nor of cells that
    # have to be moved into view.
    assert found(page, axe, "{exclude: [['.drawn text'], ['[role=region] td']]}") == []
    page.go_back()
    page.get_by_role("link", name="New mailing to those who failed").click()
    expect(page.get_by_role("heading", name="Who would get it")).to_be_visible()
    seen(page, scheme, f"those-who-failed-{width}")
    # What lies behind the bar at the moment cannot be judged.
    page.evaluate("document.querySelector('.send-bar').style.position = 'static'")
    assert found(page, axe, "{include: [['#file-part'], ['#list-part']]}") == []
    page.close()


GUESTS = (
    "email;name;town;member since\nann@example.org;Ann Lee;Ulm;2019-03-01\nbob@gmial.com;Bob;Bern;\n"
    "nobody;X;;\nann@example.org;Ann;Ulm;\n"
)
NOT_FIXED = "document.querySelector('.send-bar')?.style.setProperty('position', 'static')"
"""What lies behind the bar at the moment cannot be judged."""

NOT_MOVED = "{exclude: [['[role=region] td'], ['[role=region] th']]}"
"""Nor cells that have to be moved into view."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_on_no_page_of_what_is_kept(
    browser: Browser, app: Flask, url: str, way_in: str, axe: str, scheme: Any, width: int
) -> None:
    """Lists, an import, a recipient, repeats, the calendar."""
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)

    def judged(name: str) -> None:
        page.wait_for_load_state()  # the bar is the last thing in it
        page.evaluate(NOT_FIXED)
        seen(page, scheme, f"{name}-{width}")
        assert found(page, axe, NOT_MOVED) == [], name

    page.goto(way_in)
    page.goto(f"{url}/lists")
    judged("lists-none")
    page.get_by_label("Name").fill("Friends of the house")
    page.get_by_role("button", name="Make the list").click()
    expect(page.get_by_text("Nobody is on it yet", exact=True)).to_be_visible()
    judged("list-empty")
    page.get_by_role("link", name="Import").click()
    expect(page).to_have_title(re.compile("^Import into Friends of the house"))
    judged("import")
    page.get_by_text("Their consent").click()
    page.get_by_label("How they consented").fill("form")
    guests: FilePayload = {"name": "guests.csv", "mimeType": "text/csv", "buffer": GUESTS.encode()}
    page.locator("#recipients_file").set_input_files(guests)
    expect(page.get_by_role("heading", name="What is in it")).to_be_visible()
    expect(page.get_by_label("How they consented")).to_have_value("form")
    judged("import-looked-at")
    page.get_by_label("Use bob@gmail.com").check()
    page.get_by_label("Leave out what cannot be kept").check()
    page.get_by_role("button", name="Look at what changes").click()
    expect(page.locator("#changes ~ .list-figures")).to_contain_text("2 added")
    judged("import-agreed")
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("2 added, 0 changed, 0 removed")).to_be_visible()
    judged("list")
    page.goto(f"{page.url}/some?column=town&how=is&value=Ulm")
    judged("list-of-some")
    page.go_back()
    page.get_by_role("link", name="ann@example.org").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    judged("member")
    page.goto(f"{url}/lists")
    judged("lists")

    page.goto(f"{url}/repeats")
    judged("repeats-none")
    keep_repeats(app)
    a_mailing(
        app.extensions["mailroom"].database,
        {},
        state="scheduled",
        send_at=datetime.now(UTC) + timedelta(hours=3),
        hours="Mon-Fri 09:00-17:00 Europe/Berlin",
    )
    page.goto(f"{url}/repeats")
    judged("repeats")
    page.get_by_role("link", name="A letter each week").click()
    page.get_by_text("Change when").click()
    judged("repeat")
    page.goto(f"{url}/calendar")
    judged("calendar")
    page.close()


def keep_repeats(app: Flask) -> None:
    rules = {
        "A letter each week": "weekly mon,thu 9",
        "What the night was like, hour by hour": "cron 0 * * * *",
    }
    for subject, rule in rules.items():
        content = Content(Address("shop@example.org", "Shop"), subject, "How are you?")
        submission = Submission(content, [Recipient("ann@example.org")])
        planning.keep(
            app.extensions["mailroom"].database,
            submission,
            RepeatPlan(repeat_rule(rule), "Europe/Berlin", times=90),
        )


def seen(page: Page, scheme: str, name: str) -> None:
    """Nothing stands out of the page; a picture of it for whoever wants one."""
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/{name}-{scheme}.png", full_page=True)


def providers_told_something(app: Flask) -> None:
    """Doors of two, with what they told of a mail, of none, and what was not believed."""
    database = app.extensions["mailroom"].database
    a_mailing(database, {"address": posts.ANN, "state": "sent", "code": 250, "reply": "queued as ABCDEFGHIJ"})
    with database.begin() as connection:
        for provider in ("resend", "postmark"):
            provider_doors.open_up(connection, provider, [posts.key_of(provider)])
            provider_doors.note_refusal(connection, provider, "192.0.2.1", "It was signed in the future.")
        doors = provider_doors.every(connection)
    for kind in ("bounced", "delivered", "complained"):
        told = posts.event("resend", kind, message_id="")
        told["data"]["email_id"] = "ABCDEFGHIJ" if kind == "bounced" else "KLMNOPQRST"
        signed = posts.signed("resend", told)
        app.extensions[PROVIDER_POSTS].take(doors["resend"], Post(signed.headers, signed.body))


def test_it_sees_what_is_wrong(browser: Browser, axe: str) -> None:
    page = browser.new_page()
    page.set_content("<html lang=en><title>x</title><main><h1>x</h1><input><p>" + "y " * 20 + "</p></main>")
    page.evaluate(axe)
    result: dict[str, Any] = page.evaluate(AUDIT)
    assert [rule["id"] for rule in result["violations"]] == ["label"]
    page.close()
