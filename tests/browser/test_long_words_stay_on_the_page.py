"""Sentences repeat what was typed: however long a word of it is, no page becomes wider than the window."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page

from tests.web.watching import a_mailing, ledger

LONG = "W" * 300
ADDRESS = f"{'a' * 64}@{'.'.join(['b' * 60] * 3)}.example.org"
WHAT_IS_TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(params=[360, 1280])
def narrow(request: pytest.FixtureRequest, browser: Browser, way_in: str) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": request.param, "height": 800})
    page.goto(way_in)
    yield page
    page.close()


def put(page: Page, **values: str) -> None:
    """Into fields, those in a closed part of the form and those with a maxlength as well."""
    for name, value in values.items():
        page.locator(f"main [name={name}]").evaluate("(field, value) => { field.value = value }", value)


def submitted(page: Page, button: str) -> None:
    with page.expect_response(lambda response: response.request.method == "POST") as answered:
        page.get_by_role("button", name=button).last.click()
    assert answered.value.status == 422
    page.wait_for_load_state()


def suppress(page: Page, url: str) -> None:
    page.goto(f"{url}/suppressions")
    put(page, addresses=ADDRESS)
    submitted(page, "Suppress")


def compose(page: Page, url: str) -> None:
    page.goto(url)
    put(
        page,
        recipients=f"{ADDRESS}\n{LONG}@@example.org",
        sender=LONG,
        reply_to=LONG,
        headers=LONG,
        hours=LONG,
    )
    put(page, subject=f"{{{{ {LONG} }}}}", text=f"{{{{ {LONG} }}}}", repeat=LONG)
    submitted(page, "Send")


def make_a_key(page: Page, url: str) -> None:
    page.goto(f"{url}/keys")
    put(page, name="shop", senders=LONG, rate=LONG)
    submitted(page, "Make the key")


def make_a_list_and_write_nonsense_into_it(page: Page, url: str) -> None:
    page.goto(f"{url}/lists")
    page.fill("main [name=name]", LONG)
    page.get_by_role("button", name="Make the list").click()
    page.get_by_role("link", name="Add one").click()
    page.wait_for_selector("main [name=address]")
    put(page, address=LONG)
    submitted(page, "Add")


def search_for_what_nobody_has(page: Page, url: str) -> None:
    page.goto(f"{url}/mailings?q={LONG}")


@pytest.mark.parametrize(
    "visit",
    [
        suppress,
        compose,
        make_a_key,
        make_a_list_and_write_nonsense_into_it,
        search_for_what_nobody_has,
    ],
)
def test_that_repeat_a_long_word(narrow: Page, url: str, visit: Callable[[Page, str], None]) -> None:
    visit(narrow, url)
    words = narrow.locator("main").inner_text()
    assert LONG[:60] in words or ADDRESS[:60] in words
    assert narrow.evaluate(WHAT_IS_TOO_WIDE) == 0


def test_but_an_ordinary_address_stands_on_one_line(
    browser: Browser, app: Flask, url: str, way_in: str
) -> None:
    words = "5.1.1 Recipient address rejected: User unknown in virtual mailbox table. " * 3
    one = {"address": "elisabeth.bennet@mail.example", "state": "failed", "code": 550, "reply": words}
    place = f"/mailings/{a_mailing(ledger(app), one)}"
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(way_in)
    for path in (place, "/mailings?q=elisabeth"):
        page.goto(url + path)
        shown = page.locator("main table").get_by_text("elisabeth.bennet@mail.example", exact=True).last
        assert shown.evaluate("node => node.getClientRects().length") == 1, path
        assert page.evaluate(WHAT_IS_TOO_WIDE) == 0
    page.close()
