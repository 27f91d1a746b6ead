"""Pages judged by axe-core: WCAG 2.2 AA and its best practices, in light and in dark."""

from __future__ import annotations

import os
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from mailroom.feedback.providers.post import Post
from mailroom.ledger.feedback import provider_doors
from mailroom.web.providers.door import PROVIDER_POSTS
from tests import node
from tests.browser.test_the_unsubscribe_page import unsubscribe_link
from tests.feedback.providers import posts
from tests.web.watching import a_mailing

PICTURES = os.environ.get("AXE_PICTURES")
"""A folder, for whoever wants to look at what was judged."""

AUDIT = "axe.run(document, {resultTypes: ['violations', 'incomplete']})"
WHOLE_PAGE = "document"


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = node.install(tmp_path_factory.mktemp("axe"), node.AXE)
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def found(page: Page, axe: str, where: str = WHOLE_PAGE) -> list[str]:
    """What is wrong, and what axe cannot tell: neither is there."""
    page.evaluate(axe)
    result: dict[str, Any] = page.evaluate(AUDIT.replace(WHOLE_PAGE, where))
    assert len(result["passes"]) > 10, "it looked at nothing"
    return [
        f"{rule['id']}: {rule['nodes'][0]['html']}" for rule in result["violations"] + result["incomplete"]
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
