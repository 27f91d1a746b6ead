from __future__ import annotations

from playwright.sync_api import Page, expect


def test_the_printed_link_signs_in_and_signing_out_ends_it(page: Page) -> None:
    expect(page.get_by_role("heading", name="Compose")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    page.goto("/mailings")
    expect(page).to_have_url("/sign-in?next=/mailings")


def test_a_wrong_password_is_told(stranger_page: Page) -> None:
    stranger_page.goto("/settings")
    stranger_page.get_by_label("E-mail").fill("nobody@example.org")
    stranger_page.get_by_label("Password").fill("wrong")
    stranger_page.get_by_role("button", name="Sign in").click()
    expect(stranger_page.get_by_role("alert")).to_contain_text("do not belong together")
    expect(stranger_page.get_by_label("E-mail")).to_have_value("nobody@example.org")
