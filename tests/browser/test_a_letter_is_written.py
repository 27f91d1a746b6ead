"""Writing in a browser: a format is chosen, the toolbar marks what is selected, by mouse and by keyboard."""

from __future__ import annotations

import os
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_axe_finds_nothing import found
from tests.web import watching

PICTURES = os.environ.get("PICTURES")
"""A folder: then what is looked at is kept there, for people to look at."""


@pytest.fixture
def page(browser: Browser, app: Flask, url: str) -> Page:
    page = browser.new_page()
    page.goto(url + watching.way_in(app))
    page.goto(url)
    return page


def test_a_box_is_shown_for_the_format_that_is_chosen_and_keeps_what_was_typed(page: Page) -> None:
    page.get_by_role("radio", name="Markdown").check()
    page.locator("#markdown").fill("Hello")
    expect(page.locator("#text")).to_be_hidden()
    page.get_by_role("radio", name="MJML").check()
    expect(page.locator("#markdown")).to_be_hidden()
    expect(page.get_by_label("Logo")).to_be_hidden()
    page.get_by_role("radio", name="Markdown").check()
    expect(page.locator("#markdown")).to_have_value("Hello")


def test_the_toolbar_marks_what_is_selected(page: Page) -> None:
    page.get_by_role("radio", name="Markdown").check()
    area = page.locator("#markdown")
    area.fill("a calm day\none\ntwo")
    area.evaluate("one => one.setSelectionRange(2, 6)")
    page.get_by_role("button", name="Bold").click()
    expect(area).to_have_value("a **calm** day\none\ntwo")
    page.keyboard.press("Control+b")
    expect(area).to_have_value("a calm day\none\ntwo")
    page.keyboard.press("Control+k")
    expect(area).to_have_value("a [calm](https://) day\none\ntwo")
    page.keyboard.type("https://a.example")
    area.evaluate("one => one.setSelectionRange(one.value.indexOf('one'), one.value.length)")
    page.get_by_role("button", name="Numbered list").click()
    expect(area).to_have_value("a [calm](https://a.example) day\n1. one\n2. two")
    page.keyboard.press("Control+z")
    expect(area).to_have_value("a [calm](https://a.example) day\none\ntwo")


def test_it_is_written_with_the_keyboard_alone(page: Page) -> None:
    page.get_by_role("radio", name="Plain text").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Heading")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("button", name="Bold")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#markdown")).to_have_value("**bold**")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_and_the_preview_shows_the_letter(
    browser: Browser, app: Flask, url: str, axe: str, scheme: Any, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(url + watching.way_in(app))
    page.goto(url)
    page.get_by_label("From", exact=True).fill("Acme <ann@example.org>")
    page.get_by_role("radio", name="Markdown").check()
    page.locator("#markdown").fill(
        "# News for {{ name }}\n\nA **calm** [day](https://a.example).\n\n- one\n- two"
    )
    page.get_by_text("Letterhead", exact=True).click()
    page.get_by_text("Preview", exact=True).click()
    page.get_by_role("button", name="Show it").click()
    expect(page.frame_locator("iframe[name=preview]").get_by_role("heading")).to_have_text(
        "News for {{ name }}"
    )
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/writing-{width}-{scheme}.png", full_page=True)
    # Beside the stamp, which is drawn over the card, axe can tell no colour.
    page.evaluate("document.querySelector('.letter').classList.remove('letter')")
    assert found(page, axe, "{exclude: ['.frame-letter']}") == []


def paste(page: Page, box: str, **data: str) -> None:
    page.locator(box).evaluate(
        """(area, data) => {
            const clipboardData = new DataTransfer();
            for (const [type, words] of Object.entries(data)) {
                if (type === 'picture') clipboardData.items.add(new File(['x'], words, {type: 'image/png'}));
                else clipboardData.setData('text/' + type, words);
            }
            area.focus();
            area.dispatchEvent(new ClipboardEvent('paste', {clipboardData, bubbles: true, cancelable: true}));
        }""",
        data,
    )


def test_what_is_pasted_from_word_is_cleaned_and_a_picture_is_shown(page: Page) -> None:
    page.get_by_role("radio", name="Markdown").check()
    word = "<p class=MsoNormal style='mso-list:none'>Dear <b>all</b>,<o:p></o:p></p>"
    paste(page, "#markdown", html=word, plain="Dear all,")
    expect(page.locator("#markdown")).to_have_value("Dear **all**,")
    page.locator("#markdown").fill("")
    paste(page, "#markdown", picture="image.png")
    paste(page, "#markdown", picture="image.png")
    expect(page.locator("#markdown")).to_have_value("![image](cid:image.png)![image-2](cid:image-2.png)")
    page.get_by_text("Preview", exact=True).click()
    page.get_by_role("button", name="Show it").click()
    shown = page.frame_locator("iframe[name=preview]").get_by_role("img", name="image-2")
    expect(shown).to_have_attribute("src", "data:image/png;base64,eA==")


def test_a_column_of_the_list_is_inserted_with_a_format(page: Page) -> None:
    page.get_by_label("Recipients", exact=True).fill(
        "email\tdue\nann@mail.example\t2026-12-31\nbob@mail.example\t2027-01-01"
    )
    page.get_by_role("button", name="Look at the list").click()
    expect(page.locator("#review")).to_be_visible()
    page.get_by_label("Subject").fill("Due: ")
    page.locator("#insert-tag").select_option("due")
    page.locator("#insert-format").select_option(label="a date")
    page.get_by_role("button", name="Insert").click()
    expect(page.get_by_label("Subject")).to_have_value('Due: {{ due | local_date: locale: "en-US" }}')
    page.get_by_role("radio", name="HTML").check()
    page.locator("#html").fill("<p>")
    page.locator("#insert-format").select_option(label="as it is")
    page.get_by_role("button", name="Insert").click()
    expect(page.locator("#html")).to_have_value("<p>{{ due }}")
