"""The unsubscribe page, judged by axe-core: WCAG 2.2 AA and its best practices, in light and in dark."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page

from tests import node
from tests.browser.test_the_unsubscribe_page import unsubscribe_link

AUDIT = "axe.run(document, {resultTypes: ['violations', 'incomplete']})"
WHOLE_PAGE = "document"


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = node.install(tmp_path_factory.mktemp("axe"), node.AXE)
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def found(page: Page, axe: str, where: str = WHOLE_PAGE) -> list[str]:
    """What is wrong, and what axe cannot tell: neither is there."""
    page.evaluate(axe)
    result: dict[str, Any] = page.evaluate(AUDIT.replace(WHOLE_PAGE, where))
    assert len(result["passes"]) > 10, "it looked at nothing"
    return [
        f"{rule['id']}: {rule['nodes'][0]['html']}" for rule in result["violations"] + result["incomplete"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_on_no_page_of_a_link(
    browser: Browser, app: Flask, url: str, axe: str, scheme: Any, width: int
) -> None:
    link = url + unsubscribe_link(app)
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme, locale="de-DE")
    page.goto(link)
    assert found(page, axe) == []
    page.get_by_role("button", name="Abbestellen").click()
    page.locator("summary").click()
    assert found(page, axe) == []
    page.get_by_role("button", name="Das war ein Versehen").click()
    assert found(page, axe) == []
    page.goto(f"{url}/unsubscribe/nonsense")
    assert found(page, axe) == []
    page.close()


def test_it_sees_what_is_wrong(browser: Browser, axe: str) -> None:
    page = browser.new_page()
    page.set_content("<html lang=en><title>x</title><main><h1>x</h1><input><p>" + "y " * 20 + "</p></main>")
    page.evaluate(axe)
    result: dict[str, Any] = page.evaluate(AUDIT)
    assert [rule["id"] for rule in result["violations"]] == ["label"]
    page.close()
