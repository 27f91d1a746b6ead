"""From a spreadsheet to the report, as a person goes: its pictures are made by python docs/screenshots.py

The same way is gone by mouse and by the keyboard alone: see `Mouse` and `Keyboard`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from playwright.sync_api import Locator, Page, expect

from tests.content.workbooks import rows, xlsx

GUESTS = xlsx(
    {
        "Guests": rows(
            ("Guests of the summer party",),
            ("First name", "Last name", "Work e-mail", "E-mail", "Town", "Table"),
            ("Ann", "Lee", "lee@office.example", "ann@example.org", "Rome", "1"),
            ("Bo", "Larsen", "larsen@office.example", "bo@gmial.com", "Bern", "1"),
            ("Chloé", "Martin", "martin@office.example", "chloe@example.org", "Lyon", "2"),
            ("", "Patel", "patel@office.example", "dev@example.org", "Leeds", "2"),
            ("Eva", "Novák", "novak@office.example", "nobody", "Brno", "3"),
            ("Finn", "O'Hara", "ohara@office.example", "finn@example.org", "Cork", "3"),
            ("Ann", "Lee", "lee@office.example", "ann@example.org", "Rome", "4"),
        )
    }
)
"""A letter misplaced, no address at all, somebody without a first name, somebody twice."""

LETTER = """# Summer party

Hello {{ first_name }},

our summer party is on **Friday at six**. You come from {{ twon }}, we know: the way is in the attachment.
Your table is number {{ table }}.

*The Mailroom*

[No more invitations]({{ unsubscribe_url }})
"""
NAMED = '{{ first_name | default: "dear guest" }}'
MENDED = LETTER.replace("twon", "town").replace("{{ first_name }}", NAMED)
PROGRAMME = b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"

Look = Callable[[str], None]
"""Called with the name of each place that is worth a picture."""


class Hands(Protocol):
    """How a person uses a page."""

    def press(self, button: Locator) -> None:
        """A button or a link, or the heading of what opens."""

    def tick(self, box: Locator) -> None:
        """One to tick, or one of several."""

    def write(self, field: Locator, words: str) -> None:
        """In place of what stood there."""

    def choose(self, field: Locator, label: str) -> None:
        """One of a menu's."""

    def give(self, field: Locator, name: str, content: bytes) -> None:
        """A file from the disk."""


class Mouse(Hands):
    def press(self, button: Locator) -> None:
        button.click()

    def tick(self, box: Locator) -> None:
        box.check()

    def write(self, field: Locator, words: str) -> None:
        field.fill(words)

    def choose(self, field: Locator, label: str) -> None:
        field.select_option(label=label)

    def give(self, field: Locator, name: str, content: bytes) -> None:
        field.set_input_files({"name": name, "mimeType": "application/octet-stream", "buffer": content})


class Keyboard(Hands):
    """Nothing but keys: what no Tab leads to cannot be used."""

    MOST_TABS = 250

    def __init__(self, page: Page) -> None:
        self.page = page

    def press(self, button: Locator) -> None:
        self._go_to(button)
        self.page.keyboard.press("Enter")

    def tick(self, box: Locator) -> None:
        if box.get_attribute("type") == "radio":
            group = self.page.locator(f"input[name={box.get_attribute('name')}]")
            self._go_to(group.and_(self.page.locator(":checked")))
            for _ in range(group.count()):
                if box.is_checked():
                    return
                self.page.keyboard.press("ArrowDown")
        self._go_to(box)
        if not box.is_checked():
            self.page.keyboard.press("Space")

    def write(self, field: Locator, words: str) -> None:
        self._go_to(field)
        self.page.keyboard.press("ControlOrMeta+A")
        self.page.keyboard.insert_text(words)

    def choose(self, field: Locator, label: str) -> None:
        self._go_to(field)
        self.page.keyboard.type(label)

    def give(self, field: Locator, name: str, content: bytes) -> None:
        self._go_to(field)
        with self.page.expect_file_chooser() as chooser:
            self.page.keyboard.press("Space")
        chooser.value.set_files({"name": name, "mimeType": "application/octet-stream", "buffer": content})

    def _go_to(self, place: Locator) -> None:
        place.wait_for()  # as patiently as a mouse does
        self.page.wait_for_load_state()
        for key in ("Tab", "Shift+Tab"):
            for _ in range(self.MOST_TABS):
                if place.evaluate("here => here === document.activeElement"):
                    return
                self.page.keyboard.press(key)
        raise AssertionError(f"no Tab leads to {place}")


def the_list(page: Page, hands: Hands, look: Look) -> None:
    """A workbook is taken as it is, and mended where it is odd."""
    hands.give(page.get_by_label("Or a file"), "guests.xlsx", GUESTS)
    review = page.get_by_role("region", name="Who would get it")
    expect(review).to_contain_text("get it")
    hands.choose(page.get_by_label("Addresses are in"), "E-mail")
    expect(review).to_contain_text("5 get it")
    look("list")
    hands.tick(review.get_by_label("Use bo@gmail.com"))
    hands.write(review.get_by_label("Address in place of nobody"), "eva@example.org")
    hands.press(review.get_by_role("button", name="Look again"))
    expect(review).to_contain_text("6 get it")


def the_letter(page: Page, hands: Hands, look: Look) -> None:
    hands.write(page.get_by_label("From", exact=True), "The Mailroom <party@example.org>")
    hands.write(page.get_by_label("Subject"), "{{ first_name }}, come to our party")
    hands.tick(page.get_by_label("Markdown", exact=True).and_(page.get_by_role("radio")))
    hands.write(page.get_by_role("textbox", name="Markdown"), LETTER)
    hands.tick(page.get_by_label("Bulk mail."))
    look("letter")


def the_check(page: Page, hands: Hands, look: Look) -> None:
    """What somebody would regret is found, and mended."""
    hands.press(page.get_by_role("button", name="Check"))
    expect(page.get_by_role("heading", name="things to look at")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("twon").first).to_be_visible()
    look("check")
    hands.press(page.get_by_role("link", name="Change it"))
    hands.write(page.get_by_label("Subject"), f"Come to our party, {NAMED}")
    hands.write(page.get_by_role("textbox", name="Markdown"), MENDED)
    hands.give(page.get_by_label("Attachments"), "programme.ics", PROGRAMME)
    hands.press(page.get_by_role("button", name="Check"))
    expect(page.get_by_role("button", name="Send 6 mails")).to_be_visible(timeout=30_000)


def three_people(page: Page, hands: Hands, look: Look) -> None:
    letter = page.frame_locator(".frame-letter")
    expect(letter.get_by_text("Hello Ann")).to_be_visible()
    hands.press(page.get_by_role("link", name="Next"))
    expect(letter.get_by_text("Hello Bo")).to_be_visible()
    hands.write(page.get_by_label("Show as this recipient"), "dev@example.org")
    hands.press(page.get_by_role("button", name="Show"))
    expect(letter.get_by_text("Hello dear guest")).to_be_visible()
    look("preview")


def a_test(page: Page, hands: Hands, look: Look) -> None:
    hands.write(page.get_by_label("To", exact=True), "me@example.org")
    hands.press(page.get_by_role("button", name="Send a test"))
    expect(page.get_by_text("A test goes to 1 address")).to_be_visible()


def sent_and_taken_back(page: Page, hands: Hands, look: Look) -> None:
    hands.press(page.get_by_role("link", name="Change it"))
    hands.press(page.get_by_text("When, and what if"))
    hands.write(page.get_by_label("Wait so many seconds"), "30")
    hands.press(page.get_by_role("button", name="Check"))
    hands.press(page.get_by_role("button", name="Send 6 mails"))
    expect(page.get_by_role("timer")).to_contain_text("it begins in")
    look("undo")
    hands.press(page.get_by_role("button", name="Undo"))
    expect(page.get_by_text("Taken back: nobody was mailed")).to_be_visible()


def sent_again(page: Page, hands: Hands, look: Look) -> None:
    hands.press(page.get_by_role("link", name="Copy as new"))
    expect(page.get_by_label("Subject")).to_have_value(re.compile("Come to our party"))
    hands.press(page.get_by_text("When, and what if"))
    hands.write(page.get_by_label("Wait so many seconds"), "0")
    hands.press(page.get_by_role("button", name="Check"))
    hands.press(page.get_by_role("button", name="Send 6 mails"))
    expect(page.get_by_text("100 %")).to_be_visible(timeout=30_000)
    look("mailing")


def the_report(page: Page, hands: Hands, look: Look) -> None:
    """Figures and pictures, and files to keep."""
    hands.press(page.get_by_role("link", name="Results"))
    expect(page.get_by_role("heading", name="Results")).to_be_visible()
    look("report")
    for kind in ("CSV", "PDF"):
        with page.expect_download() as download:
            hands.press(page.get_by_role("link", name=kind))
        assert download.value.suggested_filename.endswith(kind.lower())


STEPS = (the_list, the_letter, the_check, three_people, a_test, sent_and_taken_back, sent_again, the_report)


def spend(page: Page, hands: Hands, look: Look) -> None:
    """The whole afternoon, from the compose page on."""
    for step in STEPS:
        step(page, hands, look)


def pictures(page: Page, folder: Path) -> Look:
    """`look` that keeps what is seen in `folder`."""

    def look(name: str) -> None:
        page.screenshot(path=folder / f"afternoon-{name}.png")

    return look
