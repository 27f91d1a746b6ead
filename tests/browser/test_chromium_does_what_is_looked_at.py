"""Chromium loads no page but those that tests open, and leaves out all that Playwright has it leave out."""

from __future__ import annotations

import re

from playwright.sync_api import Browser


def test_no_page_is_loaded_that_nobody_looks_at(browser: Browser) -> None:
    browser.new_page().set_content("<title>a page</title>")
    told = browser.new_browser_cdp_session().send("Target.getTargets", {"filter": [{}]})
    assert [one["url"] for one in told["targetInfos"] if one["url"].startswith("chrome:")] == []


def test_it_heeds_the_last_of_two_lists_which_holds_all_of_the_first(browser: Browser) -> None:
    told = browser.new_browser_cdp_session().send("SystemInfo.getInfo")
    lists = re.findall(r"--disable-features=(\S+)", told["commandLine"])
    theirs, ours = (set(one.split(",")) for one in lists)
    assert {name for name in theirs if not name.startswith("ms")} <= ours  # those are another browser's
