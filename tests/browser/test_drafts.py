"""Drafts in a real browser: what was typed is there again whatever happens, and never overwritten."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal
from uuid import uuid4

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, FilePayload, Page, expect
from playwright.sync_api import Error as PlaywrightError
from sqlalchemy import update

from mailroom.ledger.drafts import stored
from mailroom.ledger.drafts.kept_fields import KeptFields
from mailroom.ledger.drafts.stored import ListedDraft, Writing
from mailroom.ledger.people import users
from mailroom.ledger.schema import users as users_table
from tests.browser.test_axe_finds_nothing import found
from tests.servers import wait_until
from tests.web import watching
from tests.web_server import WebServer

PDF: FilePayload = {"name": "offer.pdf", "mimeType": "application/pdf", "buffer": b"%PDF" * 50_000}
GUESTS: FilePayload = {
    "name": "guests.csv",
    "mimeType": "text/csv",
    "buffer": b"email;first name\nann@example.org;Ann\nbob@example.org;Bob\n",
}
AT_A_DRAFT = re.compile(r"/drafts/[0-9a-f-]{36}$")


def is_kept(page: Page) -> None:
    expect(page.locator("[data-draft-status]")).to_contain_text("Kept ", timeout=15_000)


def kept(app: Flask) -> list[ListedDraft]:
    with watching.ledger(app).read() as connection:
        return stored.page(connection, limit=9)


@pytest.fixture
def context(browser: Browser, way_in: str) -> Iterator[BrowserContext]:
    """A person's browser, of whose console nobody asks: it tells of every refusal."""
    context = browser.new_context()
    context.new_page().goto(way_in)
    yield context
    context.close()


def write(page: Page) -> None:
    page.get_by_label("From", exact=True).fill("Ann Lee <ann@example.org>")
    page.get_by_label("Subject").fill("An offer")
    page.get_by_label("Text", exact=True).fill("Dear {{ first_name }},\n\nhere it is.")
    page.get_by_role("radio", name="HTML").check()
    page.locator("#html").fill("<p>Dear {{ first_name }}</p>")
    page.get_by_text("Transactional.").click()
    page.get_by_text("When, and what if").click()
    page.get_by_label("Wait so many seconds").fill("33")
    page.get_by_label("How many go first").fill("1")
    page.get_by_text("Hold it.").click()


def is_all_there(page: Page) -> None:
    expect(page.get_by_label("Subject")).to_have_value("An offer")
    expect(page.get_by_label("Text", exact=True)).to_have_value("Dear {{ first_name }},\n\nhere it is.")
    expect(page.locator("#html")).to_have_value("<p>Dear {{ first_name }}</p>")
    expect(page.locator("[name=purpose][value=transactional]")).to_be_checked()
    expect(page.get_by_label("Wait so many seconds")).to_have_value("33")
    expect(page.get_by_label("How many go first")).to_have_value("1")
    expect(page.locator("[name=if_unknown][value=hold]")).to_be_checked()


def test_what_is_typed_and_chosen_is_there_after_a_reload(page: Page, app: Flask) -> None:
    write(page)
    page.locator("#recipients_file").set_input_files(GUESTS)
    page.locator("#attachments").set_input_files(PDF)
    expect(page.get_by_role("checkbox", name="offer.pdf 195 KB, kept")).to_be_checked(timeout=15_000)
    expect(page.get_by_role("checkbox", name="guests.csv 2 recipients, kept")).to_be_checked()
    is_kept(page)
    wait_until(lambda: [one.recipients for one in kept(app)] == [2], 15, "the list in the draft")
    uploads: list[int] = []
    page.on("request", lambda asked: uploads.append(len(asked.post_data_buffer or b"")))
    page.get_by_label("Subject").press_sequentially("?")
    with page.expect_response("**/drafts"):
        page.get_by_label("Subject").press("Backspace")
    assert max(uploads) < 20_000, "a file travels once"
    page.wait_for_url(AT_A_DRAFT)
    page.reload()
    is_all_there(page)
    expect(page.get_by_role("checkbox", name="offer.pdf 195 KB, kept")).to_be_checked()
    expect(page.get_by_role("checkbox", name="guests.csv 2 recipients, kept")).to_be_checked()
    page.get_by_role("button", name="Send", exact=True).click()
    page.wait_for_url(re.compile(r"/mailings/\d+$"))
    page.get_by_role("link", name="The draft that it was").click()
    expect(page.get_by_role("main")).to_contain_text("It was sent, as mailing 1.")
    page.get_by_role("link", name="Drafts").first.click()
    expect(page.get_by_role("main")).to_contain_text("No draft")


def test_a_reload_within_a_word_loses_none_of_it(page: Page, app: Flask) -> None:
    for text in ("The first words", "The first words, and more"):
        page.get_by_label("Text", exact=True).fill(text)
        page.reload()
        expect(page.get_by_label("Text", exact=True)).to_have_value(text)
    is_kept(page)
    assert len(kept(app)) == 1


def test_a_reload_keeps_a_time_with_its_offset_though_a_zone_is_kept_since(
    browser: Browser, url: str, app: Flask
) -> None:
    """The first page of somebody in New York is a draft from Berlin."""
    day = datetime.now(UTC).date() + timedelta(days=9)
    fields = KeptFields((("send_at", f"{day}T10:30"), ("time_zone", "Europe/Berlin")))
    with watching.ledger(app).begin() as connection:
        user = users.add(connection, "newcomer@example.org", None)
        link = users.make_link(connection, user.id)
        draft = stored.add(connection, str(uuid4()), Writing(fields))
    context = browser.new_context(timezone_id="America/New_York")
    page = context.new_page()
    page.goto(f"{url}/sign-in?token={link}", wait_until="networkidle")
    with watching.ledger(app).begin() as connection:
        connection.execute(update(users_table).where(users_table.c.id == user.id).values(zone=None))
    page.goto(f"{url}/drafts/{draft.uid}", wait_until="networkidle")
    expect(page.locator("#send_at-hint")).to_contain_text("America/New_York")
    page.get_by_label("Subject").fill("An offer")
    page.reload()
    expect(page.get_by_label("Subject")).to_have_value("An offer")
    expect(page.locator("#send_at")).to_have_value(re.compile(rf"{day}T10:30\+0[12]:00"))
    context.close()


def test_two_tabs_overwrite_nothing_of_each_other(context: BrowserContext, app: Flask) -> None:
    [one] = context.pages
    one.get_by_label("Subject").fill("Ours")
    is_kept(one)
    one.wait_for_url(AT_A_DRAFT)
    two = context.new_page()
    two.goto(one.url)
    one.get_by_label("Text", exact=True).fill("Of the first tab")
    wait_until(lambda: kept(app)[0].octets > 0 and _texts(app) == ["Of the first tab"], 15, "the first tab")
    two.get_by_label("Text", exact=True).fill("Of the second tab")
    alert = two.get_by_role("alert").filter(has_text="This draft was changed elsewhere meanwhile.")
    expect(alert).to_be_visible(timeout=15_000)
    expect(two.get_by_label("Text", exact=True)).to_have_value("Of the second tab")
    assert sorted(_texts(app)) == ["Of the first tab", "Of the second tab"]
    assert one.url != two.url
    two.get_by_label("Text", exact=True).fill("Of the second tab, still")
    wait_until(lambda: "Of the second tab, still" in _texts(app), 15, "the second tab")
    one.get_by_label("Text", exact=True).fill("Of the first tab, still")
    wait_until(lambda: "Of the first tab, still" in _texts(app), 15, "the first tab, again")
    assert len(_texts(app)) == 2
    alert.get_by_role("link").click()
    expect(two.get_by_label("Text", exact=True)).to_have_value("Of the first tab, still")


def _texts(app: Flask) -> list[str]:
    with watching.ledger(app).read() as connection:
        drafts = [stored.find(connection, one.uid) for one in stored.page(connection, limit=9)]
    return [str(dict(draft.form.fields).get("text")) for draft in drafts if draft]


def test_who_was_signed_out_meanwhile_finds_it_after_signing_in(
    context: BrowserContext, app: Flask, url: str
) -> None:
    [page] = context.pages
    page.get_by_label("Subject").fill("Written with care")
    is_kept(page)
    context.clear_cookies()
    page.get_by_label("Text", exact=True).fill("And some more, signed out")
    alert = page.get_by_role("alert").filter(has_text="You are signed out")
    expect(alert).to_be_visible(timeout=15_000)
    there = page.url
    alert.get_by_role("link").click()
    with watching.ledger(app).begin() as connection:
        link = users.make_link(connection, 1)
    page.goto(f"{url}/sign-in?token={link}")
    page.goto(there)
    expect(page.get_by_label("Subject")).to_have_value("Written with care")
    expect(page.get_by_label("Text", exact=True)).to_have_value("And some more, signed out")
    wait_until(lambda: _texts(app) == ["And some more, signed out"], 15, "the rest of it")


def test_with_the_keyboard_alone_on_a_phone(page: Page, app: Flask) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.get_by_label("Subject").focus()
    page.keyboard.type("Small talk")
    is_kept(page)
    for path, heading in (("/drafts", "Drafts"), (None, "Small talk")):
        if path:
            page.goto(page.url.partition("/drafts")[0] + path)
        else:
            page.get_by_role("link", name="Versions of Small talk").press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("textbox", name="Name").fill("Chat")
    page.get_by_role("button", name="Rename").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Chat")
    page.get_by_role("link", name="Go on writing").press("Enter")
    expect(page.get_by_label("Subject")).to_have_value("Small talk")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_axe_finds_nothing_on_their_pages(
    browser: Browser,
    app: Flask,
    way_in: str,
    url: str,
    axe: str,
    width: int,
    scheme: Literal["dark", "light"],
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(way_in)
    page.get_by_label("Subject").fill("An offer")
    is_kept(page)
    page.get_by_label("Recipients", exact=True).fill("ann@example.org")
    page.get_by_label("From", exact=True).fill("ann@example.org")
    page.get_by_label("Text", exact=True).fill("Hello")
    there = page.url
    page.get_by_role("button", name="Check", exact=True).click()
    page.wait_for_url("**/check/*")
    page.goto(there)
    page.get_by_label("Text", exact=True).fill("Good bye")
    is_kept(page)
    for path in ("/drafts", "/drafts?of=all", f"{there.removeprefix(url)}/versions", None):
        if path:
            page.goto(url + path)
        else:
            page.get_by_role("link", name="1", exact=True).click()
            expect(page.get_by_text("Good bye")).to_be_visible()
        assert found(page, axe) == [], path
    page.close()


def kill(web: WebServer) -> None:
    web.process.kill()
    wait_until(lambda: not web.is_healthy(1), 15, "the end of its workers")


def test_a_web_process_that_is_killed_costs_nothing(
    browser: Browser, settings_env: dict[str, str], tmp_path: Path, app: Flask
) -> None:
    environment = {name: value for name, value in settings_env.items() if name != "MAILROOM_LOCAL"}
    context = browser.new_context()
    page = context.new_page()
    with WebServer(tmp_path, environment) as web:
        page.goto(f"http://127.0.0.1:{web.port}{watching.way_in(app)}")
        write(page)
        is_kept(page)
        kill(web)
        page.get_by_label("Replies go to").fill("help@example.org")
        alert = page.get_by_role("alert").filter(has_text="the server does not answer")
        expect(alert).to_be_visible(timeout=15_000)
    with WebServer(tmp_path, environment, port=web.port) as web:
        expect(alert).to_be_hidden(timeout=40_000)
        is_kept(page)
        kill(web)
        there = page.url
        page.get_by_label("Subject").fill("An offer, the last")
        with pytest.raises(PlaywrightError):
            page.reload()
    with WebServer(tmp_path, environment, port=web.port):
        page.goto(there)
        expect(page.get_by_label("Subject")).to_have_value("An offer, the last")
        expect(page.get_by_label("Replies go to")).to_have_value("help@example.org")
    context.close()
