"""From the form by Check to Send and Undo, in a browser: by keyboard, on a phone, and without scripts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_axe_finds_nothing import found as found_in
from tests.web import watching

HTML = (
    "<style>@media (prefers-color-scheme: dark) { p { color: rgb(1, 200, 3) } }</style>"
    "<p>Hello {{ first_name }},</p><p><a href='http://shop.example/'>news</a></p>"
)
PICTURES = os.environ.get("PICTURES")
"""A folder: then what is looked at is kept there, for people to look at."""


def people(folder: Path, number: int) -> Path:
    rows = "".join(f"p{n}@mail.example,{'P' if n != 1 else ''}\n" for n in range(number))
    file = folder / "people.csv"
    file.write_text(f"email,first_name\n{rows}nobody,X\n")
    return file


def fill(page: Page, file: Path) -> None:
    page.get_by_label("Or a file").set_input_files(file)
    page.get_by_label("From", exact=True).fill("Shop <shop@shop.example>")
    page.get_by_label("Subject").fill("News for {{ first_name }}")
    page.get_by_role("radio", name="HTML").check()
    page.locator("#html").fill(HTML)
    page.get_by_text("Text version").click()
    page.get_by_label("Text beside it").fill("Hello {{ first_name }},\n\nhere is what is new.")
    page.locator("input[name=purpose][value=bulk]").check()


def found(page: Page, axe: str) -> list[str]:
    """The letter in its frame is somebody else's, and lets nobody look into it."""
    return found_in(page, axe, "{exclude: ['.frame-letter']}")


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_on_its_page(
    browser: Browser, app: Flask, url: str, axe: str, tmp_path: Path, scheme: Any, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(url + watching.way_in(app))
    fill(page, people(tmp_path, 3))
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("heading", name="things to look at")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert found(page, axe) == []
    picture(page, f"check-{width}-{scheme}")
    page.get_by_role("link", name="Phone").click()
    frame = page.frame_locator(".frame-letter")
    expect(frame.get_by_text("Hello P")).to_have_css("color", "rgb(0, 0, 0)")
    page.get_by_role("link", name="Dark").click()
    expect(frame.get_by_text("Hello P")).to_have_css("color", "rgb(1, 200, 3)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    picture(page, f"preview-{width}-{scheme}")
    page.get_by_role("button", name="Send 3 mails").click()
    expect(page.get_by_role("timer")).to_contain_text("it begins in")
    assert found(page, axe) == []
    picture(page, f"undo-{width}-{scheme}")
    page.close()


WORDS_OF_THE_FOCUS = """() => {
  const focused = document.activeElement;
  return focused.matches("a, button, summary, input") ? focused.innerText || focused.value : "";
}"""
"""On its way through the letter's frame the focus may be on the body, which has all of the page's words."""


def tab_to(page: Page, name: str) -> None:
    """As somebody without a mouse gets there."""
    for _ in range(120):
        page.keyboard.press("Tab")
        if name in page.evaluate(WORDS_OF_THE_FOCUS):
            return
    raise AssertionError(f"no Tab leads to {name}")


def test_by_the_keyboard_alone(page: Page, tmp_path: Path) -> None:
    fill(page, people(tmp_path, 3))
    tab_to(page, "Check")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="things to look at")).to_be_visible()
    tab_to(page, "Next")
    page.keyboard.press("Enter")
    expect(page.get_by_text("p1@mail.example").first).to_be_visible()
    tab_to(page, "Send a test")
    page.keyboard.press("Enter")
    expect(page.get_by_text("A test goes to 1 address")).to_be_visible()
    tab_to(page, "Send 3 mails")
    page.keyboard.press("Enter")
    expect(page.get_by_role("timer")).to_be_visible()
    tab_to(page, "Undo")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Taken back: nobody was mailed")).to_be_visible()


def test_many_are_followed_until_they_are_checked(page: Page, tmp_path: Path) -> None:
    fill(page, people(tmp_path, 6_000))
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("heading", name="things to look at")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("button", name="Send 6,000 mails")).to_be_visible()


def test_without_scripts_nothing_is_missing(browser: Browser, way_in: str, tmp_path: Path) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto(way_in)
    fill(page, people(tmp_path, 3_000))
    page.get_by_role("button", name="Check").click()
    page.wait_for_selector("text=Send 3,000 mails", timeout=60_000)  # the page asks again by itself
    page.get_by_role("link", name="Change it").click()
    assert page.get_by_label("Subject").input_value() == "News for {{ first_name }}"
    expect(page.get_by_text("people.csv")).to_be_visible()
    page.get_by_role("button", name="Check").click()
    page.wait_for_selector("text=Send 3,000 mails", timeout=60_000)
    page.get_by_role("button", name="Send 3,000 mails").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Taken back: nobody was mailed")).to_be_visible()
    page.close()
