"""The pages of templates in a browser: nothing for axe to find, and all of it by the keyboard alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from mailroom.content.templates.letterhead import LETTERHEAD
from mailroom.ledger.templates import stored, versions

AUDIT = """([within]) => axe.run(within || document, {
  resultTypes: ['violations', 'incomplete'],
  iframes: false,  // what somebody wrote, in a sandbox in which no script runs
  rules: {'frame-tested': {enabled: false}},
})"""

PICTURES = os.environ.get("PICTURES")
"""A folder for pictures of the pages, for who wants to see them."""


def found(page: Page, axe: str, within: str = "") -> list[str]:
    page.evaluate(axe)
    result: dict[str, Any] = page.evaluate(AUDIT, [within])
    assert len(result["passes"]) > (3 if within else 10), "it looked at nothing"
    # What lies below the bar of Send on the compose page, axe cannot tell.
    judged = result["violations"] + ([] if within else result["incomplete"])
    return [f"{rule['id']}: {rule['nodes'][0]['html']}" for rule in judged]


def kept(app: Flask) -> str:
    with app.extensions["mailroom"].database.begin() as connection:
        uid = stored.add(connection, "Letterhead", LETTERHEAD.as_json(), alias="letterhead")
        template = stored.find(connection, uid)
        assert template is not None
        versions.publish(connection, template)
        stored.add(connection, "A long name " * 15, LETTERHEAD.as_json())
        stored.change(
            connection,
            template,
            name="Letterhead",
            alias="letterhead",
            letter={**LETTERHEAD.as_json(), "subject": "New"},
        )
    return uid


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_page(
    browser: Browser, app: Flask, url: str, way_in: str, axe: str, scheme: Any, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(way_in)
    page.goto(f"{url}/templates")
    assert found(page, axe) == []
    uid = kept(app)
    places = {
        "templates": "",
        "templates/new?start=letterhead": "",
        f"templates/{uid}": "",
        f"?template={uid}": ".field:has(#template)",
    }
    for number, (place, within) in enumerate(places.items()):
        page.goto(f"{url}/{place}")
        page.wait_for_load_state("networkidle")
        for summary in page.locator("main summary:visible").all():
            summary.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, place
        if PICTURES:
            page.screenshot(path=Path(PICTURES) / f"{number}-{width}-{scheme}.png", full_page=True)
        assert found(page, axe, within) == [], place
    page.close()


def test_one_is_written_and_used_by_the_keyboard_alone(page: Page, url: str) -> None:
    page.goto(f"{url}/templates/new")
    page.locator("#name").focus()
    for words in ("Hello", "", "Acme <hello@acme.example>", "", "Hello {{ NAME }}", "Dear {{ NAME }}"):
        page.keyboard.type(words)
        page.keyboard.press("Tab")
    page.keyboard.type("<p>Dear {{ NAME }}</p>")
    page.keyboard.press("Tab")
    page.keyboard.type("NAME = friend")
    page.keyboard.press("Tab")  # past the draft's button
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The template is published.")).to_be_visible()
    expect(page.frame_locator("iframe").get_by_text("Dear friend")).to_be_visible()
    page.locator("summary", has_text="Example values").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("Bo")
    page.keyboard.press("Enter")
    expect(page.frame_locator("iframe").get_by_text("Dear Bo")).to_be_visible()
    page.get_by_role("link", name="Use in a mailing").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/?template=*")
    expect(page.locator("#template")).to_have_value(page.url.rpartition("=")[2])
    page.locator("#recipients").focus()
    page.keyboard.type("ann@mail.example")
    page.get_by_role("button", name="Send").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Hello {{ NAME }}")).to_be_visible()
