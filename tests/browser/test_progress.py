from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from tests.servers import Catcher
from tests.web.watching import a_mailing, delivery_ids, ledger

Accepted = Callable[..., int]
HALF = re.compile(r"[1-9]\d? %")


def test_the_progress_moves_by_itself_until_all_have_got_it(
    page: Page, url: str, catcher: Catcher, worker: None, accept: Accepted
) -> None:
    catcher.delay = 1.2
    mailing_id = accept(10)  # five sessions, two rounds
    page.goto(f"{url}/mailings/{mailing_id}")
    bar = page.get_by_role("progressbar")
    page.evaluate("window.same = true")
    expect(page.locator(".percent")).to_have_text(HALF)
    expect(page.locator(".percent")).to_have_text("100 %", timeout=15_000)
    expect(bar).to_have_attribute("aria-valuetext", "10 of 10")
    expect(page.locator("#mailing-head .badge")).to_have_text("done")
    expect(page.locator("#announcer")).to_have_text("Mailing done")
    expect(page.locator(".timeline .block")).to_have_count(10)
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    expect(page.locator("#live[data-moving]")).to_have_count(0)
    assert page.evaluate("window.same"), "the page was loaded anew"


def test_without_scripts_a_reload_shows_the_progress(
    browser: Browser, app: Flask, url: str, way_in: str
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(way_in)
    mailing_id = a_mailing(ledger(app), {"state": "sent"}, {})
    page.goto(f"{url}/mailings/{mailing_id}")
    expect(page.locator(".percent")).to_have_text("50 %")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#mailing-head .badge")).to_have_text("paused")
    page.get_by_role("link", name="Cancel").click()
    page.get_by_role("button", name="Cancel the mailing").click()
    expect(page.locator("#mailing-head .badge")).to_have_text("canceled")
    context.close()


@pytest.mark.parametrize("place", ["/mailings/{}", "/mailings/{}/report", "/mailings"])
def test_a_server_that_does_not_answer_is_told_of(
    browser: Browser, app: Flask, url: str, way_in: str, place: str
) -> None:
    page = browser.new_page()
    page.goto(way_in)
    page.goto(url + place.format(a_mailing(ledger(app), {"state": "sent"}, {})))
    told = page.get_by_text("Mailroom does not answer")
    expect(told).to_be_hidden()
    page.context.set_offline(True)
    expect(told).to_be_visible(timeout=20_000)
    page.context.set_offline(False)
    expect(told).to_be_hidden(timeout=20_000)
    page.close()


def test_the_legend_tells_colours_apart_in_high_contrast(
    browser: Browser, app: Flask, url: str, way_in: str
) -> None:
    page = browser.new_page(forced_colors="active")
    page.goto(way_in)
    page.goto(f"{url}/mailings/{a_mailing(ledger(app), {'state': 'sent'}, {'state': 'failed'})}")
    colours = page.locator(".legend li").evaluate_all(
        "all => all.map(one => getComputedStyle(one, '::before').backgroundColor)"
    )
    assert len(colours) == len(set(colours)) == 2
    page.close()


def test_a_row_that_has_the_focus_is_not_swapped_away(page: Page, app: Flask, url: str) -> None:
    mailing_id = a_mailing(ledger(app), {"state": "sent"}, {})
    page.goto(f"{url}/mailings/{mailing_id}")
    link = page.get_by_role("link", name="person2@example.org")
    link.focus()
    first = delivery_ids(ledger(app), mailing_id)[0]
    with ledger(app).begin() as connection:
        connection.exec_driver_sql("UPDATE mailings SET sent = 2, queued = 0 WHERE id = ?", (mailing_id,))
        connection.exec_driver_sql("UPDATE deliveries SET state = 'failed' WHERE id = ?", (first,))
    expect(page.locator(".percent")).to_have_text("100 %")
    expect(link).to_be_focused()
