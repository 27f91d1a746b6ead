"""Chromium is started once for all modules; whoever wants an event loop between them has one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def before_this_module() -> Iterator[None]:
    """What the module before ours, and the one after, may do."""
    assert asyncio.run(asyncio.sleep(0, "a loop")) == "a loop"
    yield
    assert asyncio.run(asyncio.sleep(0, "a loop")) == "a loop"


@pytest.mark.parametrize("turn", range(2))
def test_a_page_is_looked_at_after_and_before_other_loops(
    before_this_module: None, browser: Browser, turn: int
) -> None:
    page = browser.new_page()
    page.set_content(f"<title>{turn}</title>")
    assert page.title() == str(turn)
