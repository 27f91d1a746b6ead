"""The unsubscribe page in a real browser, without JavaScript, on a narrow phone, in its languages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from mailroom.content.recipients.parsed import Recipient
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Submission
from mailroom.ledger import suppressions
from mailroom.ledger.consent.scopes import Scope
from tests.links import links_of, of_list

SENDER = "news@acme.example"
PICTURES = os.environ.get("UNSUBSCRIBE_PICTURES")
"""A folder, for whoever wants to look at it."""

DARK = "matchMedia('(prefers-color-scheme: dark)').matches"
NOT_THERE = "the server responded with a status of 404"
"""Of the link that is none."""


@pytest.fixture
def link(app: Flask, url: str) -> str:
    return url + unsubscribe_link(app)


def unsubscribe_link(app: Flask) -> str:
    """The path of a link that came with a list's mail."""
    parts, content = app.extensions["mailroom"], of_list("digest")
    mailing_id = accept(
        parts.database, parts.queue, Submission(content, [Recipient("ann@mail.example")])
    ).mailing_id
    return links_of(parts.database, mailing_id, content)["ann@mail.example"]


@pytest.fixture(params=["light", "dark"])
def reader(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Somebody on a narrow phone, with no script and no cookie, whom nobody knows."""
    context = browser.new_context(
        viewport={"width": 360, "height": 640},
        java_script_enabled=False,
        color_scheme=request.param,
        locale="en-GB",
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if NOT_THERE not in said.text else None)
    page.on(
        "request", lambda asked: complaints.append(asked.url) if "/unsubscribe/" not in asked.url else None
    )
    yield page
    assert context.cookies() == []
    context.close()
    assert complaints == [], "errors, or something that was asked for beside the page"


def scopes(app: Flask) -> list[Scope]:
    with app.extensions["mailroom"].database.read() as connection:
        return [one.scope for one in suppressions.page(connection)]


def look(page: Page, name: str) -> None:
    """Nothing is wider than the screen, whatever can be pressed is large enough for a thumb."""
    tree = page.locator("body")
    box = tree.bounding_box()
    assert box is not None and box["width"] <= 360
    for pressed in page.locator("button, .choice, summary").all():
        if pressed.is_visible():
            size = pressed.bounding_box()
            assert size is not None and size["height"] >= 40 and size["x"] + size["width"] <= 360, name
    if PICTURES:
        scheme = "dark" if page.evaluate(DARK) else "light"
        for width in (1200, 360):
            page.set_viewport_size({"width": width, "height": 700})
            page.screenshot(path=Path(PICTURES) / f"{name}-{scheme}-{width}.png")


def test_somebody_unsubscribes_errs_and_stops_all(app: Flask, reader: Page, link: str) -> None:
    reader.goto(link)
    expect(reader).to_have_title("Unsubscribe")
    choices = reader.get_by_role("radio")
    expect(choices).to_have_count(3)
    expect(choices.first).to_be_checked()
    look(reader, "ask")
    reader.get_by_role("button", name="Unsubscribe").click()
    expect(reader.get_by_role("heading", name="You are unsubscribed")).to_be_visible()
    expect(reader.get_by_role("status")).to_contain_text(f"“digest” from {SENDER}")
    assert scopes(app) == [Scope(SENDER, "digest")]
    look(reader, "stopped")
    reader.get_by_role("button", name="That was a mistake").click()
    expect(reader.get_by_role("heading", name="You are subscribed again")).to_be_visible()
    assert scopes(app) == []
    look(reader, "back")
    reader.goto(link)
    reader.get_by_label("All mail from here").check()
    reader.get_by_role("button", name="Unsubscribe").click()
    expect(reader.get_by_role("status")).to_contain_text("All mail from here")
    assert scopes(app) == [Scope()]
    assert reader.locator("summary").count() == 0, "there is nothing more to stop"
    reader.goto(link[:-4])
    expect(reader.get_by_role("heading", name="This link does not work")).to_be_visible()
    look(reader, "broken")


def test_more_is_stopped_by_the_keyboard_alone(app: Flask, reader: Page, link: str) -> None:
    reader.goto(link)
    for key in ("Tab", "Tab", "Enter"):
        reader.keyboard.press(key)
    expect(reader.get_by_role("heading", name="You are unsubscribed")).to_be_visible()
    for key in ("Tab", "Tab", "Enter", "Tab", "ArrowDown", "Tab", "Enter"):
        reader.keyboard.press(key)
    expect(reader.get_by_role("status")).to_contain_text("All mail from here")
    assert set(scopes(app)) == {Scope(), Scope(SENDER, "digest")}
