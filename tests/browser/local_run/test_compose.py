from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

WIDTHS = [360, 768, 1600]
PLACES = ["/", "/mailings", "/inbox", "/race", "/suppressions", "/keys", "/webhooks", "/settings"]


def write(page: Page, recipients: str, subject: str = "Hello") -> None:
    page.goto("/")
    page.get_by_label("Recipients", exact=True).fill(recipients)
    page.get_by_label("From", exact=True).fill("Ann Lee <ann@example.org>")
    page.get_by_label("Subject").fill(subject)
    page.get_by_label("Text", exact=True).fill("How are you?")


def paste(page: Page, label: str, text: str) -> None:
    """As a person does: Playwright's fill() takes quarter of a minute for thousands of lines."""
    field, source = page.get_by_label(label, exact=True), page.get_by_label("Text", exact=True)
    source.evaluate("(source, text) => { source.value = text }", text)
    source.press("Control+A")
    source.press("Control+X")
    field.press("Control+V")


def test_it_counts_recipients_while_they_are_pasted(page: Page) -> None:
    page.goto("/")
    people = [f"person{number}@example.org" for number in range(3000)]
    paste(page, "Recipients", "\n".join([*people, "Person0@example.org", "nonsense"]))
    count = page.locator("#recipients-count")
    expect(count).to_contain_text("3,000 recipients")
    expect(count).to_contain_text("1 there twice")
    expect(count).to_contain_text("1 does not look like an address (line 3002)")
    expect(page.get_by_role("button", name="Send 3,000 mails")).to_be_visible()


@pytest.mark.parametrize(
    ("typed", "count"),
    [
        ("Ann Lee <ann@example.org>, bob@example.org; cleo@example.org", "3 recipients"),
        ('"Lee, Ann" <ann@example.org>', "1 recipient"),
        ("ann@example.org\n\n  \nann@example.org ", "1 recipient"),
    ],
)
def test_it_counts_as_the_server_does(page: Page, typed: str, count: str) -> None:
    page.goto("/")
    page.get_by_label("Recipients", exact=True).fill(typed)
    expect(page.locator("#recipients-count strong")).to_have_text(count)
    expect(page.locator("#recipients-count .doubt")).to_have_count(0)


def test_it_sends_and_shows_the_mailing(page: Page) -> None:
    write(page, "bob@example.org, cleo@example.org", "Grüße 🎂")
    page.get_by_role("button", name="Send 2 mails").click()
    page.wait_for_url(re.compile(r"/mailings/\d+$"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Grüße 🎂")
    expect(page.get_by_text("cleo@example.org")).to_be_visible()
    expect(page.get_by_text("100 %").first).to_be_visible()


def test_a_mistake_is_told_at_the_top_and_leads_to_its_field(page: Page) -> None:
    write(page, "bob@example.org\nnonsense")
    page.get_by_role("button", name="Send").click()
    summary = page.get_by_role("alert", name="Not sent yet")
    expect(summary).to_be_focused()
    page.get_by_role("link", name="1 entry cannot be mailed.").click()
    field = page.get_by_label("Recipients", exact=True)
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_value("bob@example.org\nnonsense")
    expect(page.get_by_label("Text", exact=True)).to_have_value("How are you?")


def test_chosen_files_outlive_a_mistake(page: Page) -> None:
    write(page, "nonsense")
    table = b"email\n" + b"".join(b"guest%d@example.org\n" % number for number in range(50))
    page.locator("#recipients_file").set_input_files(
        {"name": "guests.csv", "mimeType": "text/csv", "buffer": table}
    )
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("checkbox", name="guests.csv 50 recipients, kept")).to_be_checked()
    page.get_by_label("Recipients", exact=True).fill("")
    page.get_by_role("button", name="Send").click()
    page.wait_for_url(re.compile(r"/mailings/\d+$"))


def test_two_presses_on_send_are_one_mailing(page: Page) -> None:
    write(page, "bob@example.org", "Pressed twice")
    page.get_by_role("button", name="Send 1 mail").dblclick()
    page.wait_for_url(re.compile(r"/mailings/\d+$"))
    page.goto("/mailings")
    expect(page.get_by_role("link", name="Pressed twice")).to_have_count(1)


def test_the_back_button_brings_back_what_was_typed(page: Page) -> None:
    write(page, "bob@example.org")
    page.goto("/settings")
    page.go_back()
    expect(page.get_by_label("Text", exact=True)).to_have_value("How are you?")


def test_a_preview_shows_the_html_and_runs_nothing(
    stranger_page: Page, sign_in_link: str, browser: Browser
) -> None:
    context = browser.new_context()  # of its own: that a script was blocked is said in the console
    page = context.new_page()
    page.goto(sign_in_link)
    page.get_by_role("radio", name="HTML").check()
    page.locator("#html").fill("<h1>Hello</h1><script>document.body.textContent = 'ran'</script>")
    page.get_by_text("Preview", exact=True).click()
    page.get_by_role("button", name="Show it").click()
    preview = page.frame_locator("iframe[name=preview]")
    expect(preview.get_by_role("heading", name="Hello")).to_be_visible()
    context.close()


def test_it_works_without_javascript(browser: Browser, sign_in_link: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(sign_in_link)
    page.get_by_label("Recipients", exact=True).fill("bob@example.org")
    page.get_by_label("From", exact=True).fill("ann@example.org")
    page.get_by_label("Subject").fill("Without JavaScript")
    page.get_by_label("Text", exact=True).fill("It works.")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Without JavaScript")
    context.close()


def test_the_keyboard_is_enough(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Recipients", exact=True)).to_be_focused()
    page.keyboard.type("bob@example.org")
    page.get_by_label("From", exact=True).fill("ann@example.org")
    page.get_by_label("Subject").fill("By keyboard")
    page.get_by_label("Text", exact=True).focus()
    page.keyboard.type("Look, no mouse.")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile(r"/mailings/\d+$"))


@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_is_wider_than_the_screen(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    for place in [*PLACES, "/queue/", "/queue/0/view/workers"]:
        page.goto(place)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, place


def test_every_field_has_a_label(page: Page) -> None:
    for place in PLACES:
        page.goto(place)
        unnamed = page.evaluate(
            """[...document.querySelectorAll("input, textarea, select, button")]
               .filter((field) => field.type !== "hidden" && !field.hidden)
               .filter((field) => !field.labels?.length && !field.ariaLabel && !field.textContent.trim())
               .map((field) => field.outerHTML)"""
        )
        assert unnamed == [], place


def test_thousands_are_asked_about_first(page: Page) -> None:
    people = "\n".join(f"person{number}@example.org" for number in range(1000))
    write(page, "", "To a thousand")
    paste(page, "Recipients", people)
    page.get_by_label("Text", exact=True).fill("How are you? {{ unsubscribe_url }}")
    page.get_by_role("button", name="Send 1,000 mails").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Send it to 1,000 recipients?")
    dialog.get_by_role("button", name="No, go back").click()
    expect(dialog).to_have_count(0)
    expect(page).to_have_url(re.compile(r"/$"))
    page.get_by_role("button", name="Send 1,000 mails").click()
    page.get_by_role("dialog").get_by_role("button", name="Send", exact=True).click()
    expect(page).to_have_url(re.compile(r"/mailings/\d+$"))


def test_a_key_is_copied_and_its_revocation_asked_about(page: Page) -> None:
    page.goto("/keys")
    page.get_by_label("Name", exact=True).fill("The shop")
    page.get_by_role("button", name="Make the key").click()
    key = page.locator("#key")
    expect(key).to_contain_text("mr_")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name=re.compile("Copied|Marked"))).to_be_visible()
    page.reload()
    expect(key).to_have_count(0)
    row = page.get_by_role("row").filter(has_text="The shop")
    expect(row).to_have_count(1)
    page.set_viewport_size({"width": 768, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 768
    row.get_by_role("button", name="Revoke").click()
    page.keyboard.press("Escape")
    expect(row).not_to_contain_text("revoked")
    row.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(row).to_contain_text("revoked")


def test_what_was_typed_is_back_after_going_back(page: Page) -> None:
    write(page, "ann@example.org", "A subject to keep")
    page.get_by_role("button", name="Send 1 mail").click()
    expect(page).to_have_url(re.compile(r"/mailings/\d+$"))
    page.go_back()
    expect(page.get_by_label("Subject")).to_have_value("A subject to keep")
    expect(page.get_by_label("From", exact=True)).to_have_value("Ann Lee <ann@example.org>")


IS_IN_SIGHT = """() => {
  const focused = document.activeElement, bar = document.querySelector(".send-bar");
  const [its, line] = [focused.getBoundingClientRect(), bar.getBoundingClientRect().top];
  const first = focused.tagName === "TEXTAREA" ? its.top + 48 : its.bottom;  // where its cursor is
  return bar.contains(focused) || focused === document.body || (its.top >= 0 && first <= line + 1);
}"""


def test_the_focus_is_never_behind_the_bar(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 640})
    page.emulate_media(reduced_motion="reduce")
    page.goto("/")
    page.get_by_label("Recipients", exact=True).focus()
    for _ in range(12):
        page.keyboard.press("Tab")
        page.wait_for_function(IS_IN_SIGHT, timeout=5_000)
