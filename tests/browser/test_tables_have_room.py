"""Tables on a phone and a desktop: parts of a cell stand in one column, and no word is broken or cut off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from playwright.sync_api import Browser

from mailroom.content.lists.newcomers import Newcomer
from mailroom.content.merge.plain import Value
from mailroom.engine.lists import importing
from mailroom.ledger.lists import kept
from mailroom.ledger.people import api_keys, users
from mailroom.ledger.webhooks import webhook_endpoints
from mailroom.ledger.webhooks.webhook_events import EVENTS
from tests.web.watching import a_mailing, ledger

PARTS_OUT_OF_THEIR_COLUMN = """() => {
  const said = [];
  for (const cell of document.querySelectorAll("td[data-label]")) {
    const words = document.createRange();
    words.selectNodeContents(cell);
    const parts = [...words.getClientRects()].filter((part) => part.width > 1);
    const lines = Map.groupBy(parts, (part) => Math.round(part.bottom / 8));
    for (const line of lines.values()) {
      const gaps = line.sort((one, other) => one.left - other.left)
        .slice(1).map((part, index) => part.left - line[index].right);
      if (Math.max(0, ...gaps) > 12) said.push(`${cell.dataset.label}: ${cell.innerText}: a gap in a line`);
    }
    const edge = cell.getBoundingClientRect().left + parseFloat(getComputedStyle(cell).paddingLeft);
    if (parts.some((part) => part.left < edge - 1)) said.push(`${cell.dataset.label}: below its label`);
  }
  return said;
}"""
CELLS = "document.querySelectorAll('td[data-label]').length"


@pytest.mark.parametrize(("path", "cells"), [("/keys", 8), ("/webhooks", 6)])
def test_the_parts_of_a_cell_stand_in_one_column(
    browser: Browser, app: Flask, url: str, way_in: str, path: str, cells: int
) -> None:
    with ledger(app).begin() as connection:
        one = users.everybody(connection)[0].id
        _, old = api_keys.add(connection, "An old one", scopes=["send", "read"], user_id=one)
        api_keys.add(connection, "The shop", scopes=["send", "read", "admin"], user_id=one)
        api_keys.revoke(connection, old)
        for number in range(2):
            endpoint = webhook_endpoints.add(connection, f"https://example.org/{number}", EVENTS)
        webhook_endpoints.disable(connection, endpoint, "It answered 410: it wants no more. " * 3)
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(way_in)
    page.goto(url + path)
    assert page.evaluate(CELLS) == cells
    assert page.evaluate(PARTS_OUT_OF_THEIR_COLUMN) == []
    page.close()


WHAT_IS_CUT_OFF = """() => [...document.querySelectorAll(".table-wrap")]
  .filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.innerText)"""


@pytest.mark.parametrize("width", [390, 1280])
def test_the_figures_of_every_state_are_seen(
    browser: Browser, app: Flask, url: str, way_in: str, width: int
) -> None:
    states = ("failed", "bounced", "unknown", "deferred", "suppressed", "expired", "canceled", "sent")
    a_mailing(ledger(app), *({"state": state} for state in states))
    page = browser.new_page(viewport={"width": width, "height": 844})
    page.goto(way_in)
    page.goto(f"{url}/mailings")
    assert "1 canceled" in page.locator(".progress-cell").inner_text()
    assert page.evaluate(WHAT_IS_CUT_OFF) == []
    page.close()


def test_of_a_long_sender_the_beginning_is_seen(browser: Browser, app: Flask, url: str, way_in: str) -> None:
    sender = "newsletter-of-the-editorial-department@correspondence.example.org"
    mailing_id = a_mailing(ledger(app), {}, sender_address=sender)
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(way_in)
    page.goto(f"{url}/mailings/{mailing_id}")
    said = page.locator("#mailing-head").get_by_text(sender)
    line, words = said.locator("..").bounding_box(), said.bounding_box()
    assert line is not None and words is not None
    assert words["y"] + words["height"] <= line["y"] + line["height"] + 2, "it is cut at its end only"
    page.close()


def test_a_word_is_not_broken_for_a_long_text_beside_it(
    browser: Browser, app: Flask, url: str, way_in: str
) -> None:
    with ledger(app).begin() as connection:
        one = kept.add(connection, "Guests", "guests")
        values: dict[str, Value] = {"town": "Berlin", "notes": "many words " * 20}
        importing.put(connection, one, Newcomer("ann@example.org", "Ann Lee", values))
    page = browser.new_page(viewport={"width": 1280, "height": 844})
    page.goto(way_in)
    page.goto(f"{url}/lists/{one.uid}")
    assert page.get_by_text("Berlin", exact=True).evaluate("node => node.getClientRects().length") == 1
    page.close()


def test_what_is_pressed_is_in_sight(browser: Browser, app: Flask, url: str, way_in: str) -> None:
    mailing_id = a_mailing(ledger(app), {"state": "failed", "reply": "no such user " * 20, "code": 550})
    with ledger(app).begin() as connection:
        soon, one = datetime.now(UTC) + timedelta(days=1), users.everybody(connection)[0].id
        api_keys.add(connection, "The shop", scopes=["send", "read", "admin"], expires_at=soon, user_id=one)
    page = browser.new_page(viewport={"width": 1024, "height": 844})
    page.goto(way_in)
    for path in ("/keys", "/settings", "/attention", f"/mailings/{mailing_id}"):
        page.goto(url + path)
        assert page.evaluate(WHAT_IS_CUT_OFF) == [], path
    page.set_viewport_size({"width": 1280, "height": 844})
    page.goto(f"{url}/attention")
    domain = page.locator("th").get_by_text("example.org", exact=True)
    assert domain.evaluate("node => node.getClientRects().length") == 1
    page.close()
