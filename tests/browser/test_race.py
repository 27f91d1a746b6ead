from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from mailroom.settings import Settings, load
from tests.servers import Catcher


@pytest.fixture
def settings(settings_env: dict[str, str], catcher: Catcher, tmp_path: Path) -> Settings:
    catcher.delay = 0.2
    return load(settings_env)


def test_the_race_runs_by_itself_and_says_who_won(page: Page, url: str, worker: None) -> None:
    page.goto(f"{url}/race")
    page.get_by_label("Mails").fill("3")
    page.get_by_role("button", name="Start the race").click()
    # Any moment but the first: which tenth is on show when somebody looks is chance.
    expect(page.locator(".clock")).to_have_text(re.compile(r"^(0\.[1-9]|[1-9]\d*\.\d) s$"))
    expect(page.locator(".ratio")).to_contain_text("×", timeout=30_000)
    for lane in (page.locator(".lane").nth(0), page.locator(".lane").nth(1)):
        expect(lane).to_contain_text("Total time for sending 3 mails")
        expect(lane.locator("dd").nth(3)).to_contain_text("s")  # what the browser waited
    expect(page.locator(".bars").nth(1).locator("dt")).to_have_text(
        ["In the request", "Queue, 5 sessions", "Queue, 2 sessions", "Queue, 1 session"]
    )
    assert "go=" not in page.url
    page.reload()
    expect(page.locator(".ratio")).to_contain_text("×")


def test_without_scripts_every_leg_is_a_button(browser: Browser, url: str, way_in: str, worker: None) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(way_in)
    page.goto(f"{url}/race")
    page.get_by_label("Mails").fill("1")
    page.get_by_role("button", name="Start the race").click()
    for run in ("Run 1 of 4", "Run 2 of 4", "Run 3 of 4", "Run 4 of 4"):
        expect(page.get_by_text(run)).to_be_visible(timeout=15_000)  # by the page's own refresh
        page.get_by_role("button", name="Run it").click()
    expect(page.locator(".ratio")).to_contain_text("×", timeout=15_000)
    context.close()
