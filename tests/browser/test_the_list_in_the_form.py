"""A list in the compose form, in a real browser: chosen, looked at, mended and sent, by keyboard too."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, FilePayload, Page, Route, expect

from mailroom.ledger.deliveries import deliveries
from mailroom.ledger.mailings import mailings
from tests.content.workbooks import rows, xlsx

AUDIT = "axe.run({include: [['#file-part'], ['#list-part']]}, {resultTypes: ['violations', 'incomplete']})"

GUESTS = rows(
    ("Guest list 2026",),
    ("Vorname", "Nachname", "E-Mail", "Town"),
    ("Ann", "Lee", "ann@example.org", "Rome"),
    ("Bob", "Roe", "bob@gmial.com", "Bern"),
    ("Cleo", "Doe", "cleo@example,org", "Oslo"),
    ("Dora", "Poe", "nobody", "Paris"),
    ("Eve", "Lee", "ann@example.org", "Rome"),
    ("Fay", "Fox", "info@example.org", "Riga"),
)
WORKBOOK: FilePayload = {
    "name": "guests.xlsx",
    "mimeType": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "buffer": xlsx(
        {"Guests": GUESTS, "Staff": rows(("Mail", "Private"), ("a@example.org", "b@example.org"))}
    ),
}


def write(page: Page) -> None:
    page.get_by_label("From", exact=True).fill("Ann Lee <ann@example.org>")
    page.get_by_label("Subject").fill("To all")
    page.get_by_label("Text", exact=True).fill("Dear {{ vorname }} of {{ town }}")


def test_a_workbook_is_looked_at_mended_and_sent(page: Page, app: Flask) -> None:
    write(page)
    page.locator("#recipients_file").set_input_files(WORKBOOK)
    review = page.get_by_role("region", name="Who would get it")
    expect(review).to_contain_text("3 get it")
    expect(page.get_by_label("Subject")).to_have_value("To all")
    expect(page.get_by_role("checkbox", name="guests.xlsx 3 recipients, kept")).to_be_checked()
    expect(page.get_by_role("button", name="Send 3 mails")).to_be_visible()

    review.get_by_label("Use bob@gmail.com").check()
    review.get_by_label("Address in place of nobody").fill("dora@example.org")
    page.keyboard.press("Enter")  # within a field: the list is checked, nothing is sent
    expect(review).to_contain_text("4 get it")
    expect(review.get_by_role("heading")).to_be_focused()
    review.get_by_label("Leave these entries out").check()
    page.get_by_role("button", name="Send 4 mails").click()
    page.wait_for_url(re.compile(r"/mailings/\d+$"))
    with app.extensions["mailroom"].database.read() as connection:
        rows = deliveries.page(connection, mailings.page(connection)[0].id)
    assert [(row.address, row.name) for row in rows] == [
        ("ann@example.org", "Ann Lee"),
        ("bob@gmail.com", "Bob Roe"),
        ("dora@example.org", "Dora Poe"),
        ("info@example.org", "Fay Fox"),
    ]


def test_another_sheet_and_column_are_chosen_by_keyboard(page: Page) -> None:
    write(page)
    page.locator("#recipients_file").set_input_files(WORKBOOK)
    sheet = page.get_by_label("Sheet", exact=True)
    sheet.focus()
    page.keyboard.press("S")
    expect(page.get_by_text("from the sheet Staff")).to_be_visible()
    expect(page.get_by_label("Sheet", exact=True)).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("P")
    expect(page.get_by_role("columnheader", name="Private")).to_contain_text("address")
    expect(page.get_by_role("region", name="Who would get it")).to_contain_text("1 gets it")


def test_what_is_mended_while_the_list_is_checked_anew_stays(page: Page) -> None:
    page.locator("#recipients_file").set_input_files(WORKBOOK)
    review = page.get_by_role("region", name="Who would get it")
    expect(review).to_contain_text("3 get it")
    under_way: list[Route] = []
    page.route("**/recipients", lambda route: under_way.append(route))
    page.get_by_label("Addresses are in").select_option(label="Vorname")
    page.get_by_label("Addresses are in").select_option(label="E-Mail")
    review.get_by_label("Use bob@gmail.com").check()
    review.get_by_label("Leave these entries out").check()
    review.get_by_label("Address in place of nobody").press_sequentially("dora@exa")
    before = review.element_handle()
    with page.expect_response("**/recipients"):
        under_way[-1].continue_()
    page.wait_for_function("before => !before.isConnected", arg=before)
    expect(review.get_by_label("Use bob@gmail.com")).to_be_checked()
    expect(review.get_by_label("Leave these entries out")).to_be_checked()
    mended = review.get_by_label("Address in place of nobody")
    expect(mended).to_be_focused()
    expect(mended).to_have_value(re.compile("dora@exa"))


def test_the_focus_stays_on_the_field_that_a_file_was_chosen_in(page: Page) -> None:
    page.locator("#recipients_file").focus()
    page.locator("#recipients_file").set_input_files(WORKBOOK)
    expect(page.get_by_role("region", name="Who would get it")).to_contain_text("3 get it")
    expect(page.locator("#recipients_file")).to_be_focused()


def test_what_is_typed_while_a_file_is_uploaded_stays(page: Page) -> None:
    under_way: list[Route] = []
    page.route("**/recipients", lambda route: under_way.append(route))
    page.locator("#recipients_file").set_input_files(WORKBOOK)
    page.get_by_label("Recipients", exact=True).press_sequentially("zoe@example.org")
    under_way[-1].continue_()
    expect(page.get_by_role("region", name="Who would get it")).to_contain_text("3 get it")
    expect(page.get_by_label("Recipients", exact=True)).to_have_value("zoe@example.org")
    expect(page.get_by_label("Recipients", exact=True)).to_be_focused()


def test_what_is_pasted_is_mended_in_its_field(page: Page) -> None:
    page.get_by_label("Recipients", exact=True).fill("Town\tMail\nRome\tann@gmial.com")
    expect(page.locator("#recipients-count")).to_contain_text("1 recipient")
    page.get_by_role("button", name="Look at the list").click()
    page.get_by_label("Use ann@gmail.com").check()
    page.get_by_role("button", name="Look again").click()
    expect(page.get_by_label("Recipients", exact=True)).to_have_value("Town\tMail\nRome\tann@gmail.com")


def test_the_upload_is_seen_on_its_way_and_a_large_list_works(page: Page) -> None:
    lines = "".join(f"person{n}@example.org,{n}\n" for n in range(100_000))
    page.evaluate(
        "window.seen = []; new MutationObserver(() => seen.push(document.querySelector("
        "'[data-check-status]').textContent)).observe(document.querySelector('[data-check-status]'),"
        " {childList: true, characterData: true, subtree: true})"
    )
    page.locator("#recipients_file").set_input_files(
        {"name": "all.csv", "mimeType": "text/csv", "buffer": f"email,n\n{lines}".encode()}
    )
    expect(page.get_by_role("button", name="Send 100,000 mails")).to_be_visible(timeout=60_000)
    seen = page.evaluate("seen")
    assert any("uploaded" in one or "Reading" in one for one in seen), seen
    expect(page.locator("[data-progress]")).to_be_hidden()


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1280, "dark")])
def test_axe_finds_nothing_and_it_fits(
    browser: Browser, way_in: str, axe: str, width: int, scheme: Any
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(way_in)
    page.locator("#recipients_file").set_input_files(WORKBOOK)
    expect(page.get_by_role("heading", name="Who would get it")).to_be_visible()
    page.evaluate("for (const one of document.querySelectorAll('#list-part details')) one.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # What lies behind the bar at the moment cannot be judged.
    page.evaluate("document.querySelector('.send-bar').style.position = 'static'")
    page.evaluate(axe)
    result = page.evaluate(AUDIT)
    # Of a narrow table the half lies out of sight, where no contrast can be judged.
    odd = result["violations"] + (result["incomplete"] if width > 1_000 else [])
    assert [f"{rule['id']}: {rule['nodes'][0]['html']}" for rule in odd] == [] and len(result["passes"]) > 10
    if folder := os.environ.get("PICTURES_OF_THE_LIST"):  # for people to look at
        page.screenshot(path=f"{folder}/list-{width}-{scheme}.png", full_page=True)
    page.close()


def test_without_scripts_the_same_page_comes(browser: Browser, way_in: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(way_in)
    write(page)
    page.locator("#recipients_file").set_input_files(WORKBOOK)
    page.get_by_role("button", name="Look at the list").click()
    expect(page.get_by_role("region", name="Who would get it")).to_contain_text("3 get it")
    expect(page.get_by_label("Subject")).to_have_value("To all")
    page.get_by_label("Use every suggestion, 2 in all").check()
    page.get_by_role("button", name="Look again").click()
    expect(page.get_by_role("region", name="Who would get it")).to_contain_text("4 get it")
    context.close()
