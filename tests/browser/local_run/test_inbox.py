from __future__ import annotations

import re

from playwright.sync_api import Page, expect

HTML = """<h1>Dear {{ name }}</h1>
<script>document.body.textContent = "a script ran"</script>
<form action="/sign-out" method="post"><button>Sign out</button></form>"""


def send(page: Page, recipients: str, subject: str, html: str = "") -> None:
    page.goto("/")
    page.get_by_label("Recipients", exact=True).fill(recipients)
    page.get_by_label("Subject").fill(subject)
    page.get_by_label("Text", exact=True).fill("How are you, {{ name }}?")
    if html:
        page.get_by_role("radio", name="HTML").check()
        page.locator("#html").fill(html)
    page.get_by_role("button", name="Send").click()
    page.wait_for_url(re.compile(r"/mailings/\d+$"))
    expect(page.locator(".head-line .badge", has_text="done")).to_be_visible()


def test_what_was_sent_is_there_as_its_recipient_would_see_it(page: Page) -> None:
    send(page, '"Lee, Ann" <ann.lee@example.org>\nbob.ray@example.org', "Grüße für Ann 🎂")
    page.get_by_role("link", name="Inbox").first.click()
    page.get_by_label("Search the inbox").fill("ann.lee für")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Grüße für Ann 🎂").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Grüße für Ann 🎂")
    expect(page.get_by_text('"Lee, Ann" <ann.lee@example.org>').first).to_be_visible()
    expect(page.get_by_text("How are you, Lee, Ann?")).to_be_visible()
    expect(page.get_by_text("bob.ray")).to_have_count(0)
    page.get_by_role("link", name="Raw source").click()
    expect(page.get_by_text("X-Envelope-To: ann.lee@example.org")).to_be_visible()


def test_its_html_is_shown_and_locked_in(page: Page) -> None:
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text))
    send(page, "Cleo <cleo@example.org>", "In colour", HTML)
    page.goto("/inbox?q=cleo colour")
    page.get_by_role("link", name="In colour").first.click()
    letter = page.frame_locator("iframe")
    expect(letter.get_by_role("heading", name="Dear Cleo")).to_be_visible()
    letter.get_by_role("button", name="Sign out").click()
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("In colour")
    assert any("Blocked script execution" in text for text in refused)
    assert any("Blocked form submission" in text for text in refused)
