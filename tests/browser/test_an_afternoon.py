"""From a spreadsheet to the report, in one go: by mouse on a desktop, by the keyboard alone on a phone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from docs.afternoon import Hands, Keyboard, Mouse, pictures, spend


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(("keys", "width", "scheme"), [(False, 1280, "light"), (True, 360, "dark")])
def test_it_ends_with_a_report(
    browser: Browser, way_in: str, tmp_path: Path, keys: bool, width: int, scheme: Any
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 860}, color_scheme=scheme)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    hands: Hands = Keyboard(page) if keys else Mouse()
    take = pictures(page, Path(os.environ.get("PICTURES", tmp_path)))

    def look(name: str) -> None:
        take(f"{name}-{width}-{scheme}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name

    page.goto(way_in)
    spend(page, hands, look)
    assert complaints == []
    page.close()
