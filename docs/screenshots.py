"""Makes the README's pictures from a real local run: python docs/screenshots.py"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from docs.afternoon import Mouse, pictures, spend  # noqa: E402
from mailroom.database.engine import Database, url_of_file  # noqa: E402
from mailroom.ledger.states import State  # noqa: E402
from tests.web.watching import a_mailing  # noqa: E402

IMAGES = ROOT / "docs" / "images"
PORT = 8321
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
]
NAMES = (
    "Ann Lee",
    "Bo Larsen",
    "Chloé Martin",
    "Dev Patel",
    "Eva Novák",
    "Finn O'Hara",
    "Gita Rao",
    "Hugo Díaz",
)
NAMELESS = 41
"""Somebody for the check to find: their letter would say "Dear ,"."""

LETTER = (
    "Dear {{ name }},\n\nwe open our doors on Friday at six. Do come!\n\nThe Mailroom\n\n"
    "No more invitations: {{ unsubscribe_url }}"
)
PASTE = "(area, list) => { area.value = list; area.dispatchEvent(new Event('input', { bubbles: true })) }"


@contextmanager
def local_run() -> Iterator[tuple[str, Path]]:
    """A run in a folder of its own; gives the link that signs in, and the folder."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "PORT": str(PORT), "MAILROOM_HOME": home, "NO_COLOR": "1"}
        run = subprocess.Popen(
            [sys.executable, "start.py"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        )
        try:
            assert run.stdout is not None
            ready = (re.search(r"is ready: (\S+)", line) for line in run.stdout)
            yield next(found[1] for found in ready if found is not None), Path(home)
        finally:
            run.send_signal(signal.SIGINT)
            run.wait(20)


def recipients(number: int) -> str:
    people = (NAMES[index % len(NAMES)] for index in range(number))
    addresses = (
        (name, f"{name.split()[0].encode('ascii', 'ignore').decode().lower()}{index}@example.org")
        for index, name in enumerate(people)
    )
    return "\n".join(
        address if index == NAMELESS else f"{name} <{address}>"
        for index, (name, address) in enumerate(addresses)
    )


def take(page: Page, name: str) -> None:
    page.screenshot(path=IMAGES / f"{name}.png")


def report_of() -> list[dict[str, Any]]:
    """Deliveries such as a newsletter's: most are taken at once, some domains are slow, some refuse."""
    began = round(time.time() * 1000) - 120_000
    chance, found = random.Random(3), []
    domains = ["mail.example"] * 5 + ["post.example"] * 3 + ["slow.example", "uni.example", "shop.example"]
    for number in range(6_000):
        domain = chance.choice(domains)
        dated = began + number * 9
        slow = {"slow.example": 20_000, "uni.example": 4_000}.get(domain, 900)
        row = {
            "address": f"p{number}@{domain}",
            "state": State.SENT,
            "attempts": 1,
            "code": 250,
            "reply": "2.0.0 Ok",
            "dated_at": dated,
            "updated_at": dated + chance.randrange(40, slow),
        }
        refusal = chance.random()
        if refusal < 0.02:
            row |= {"state": State.FAILED, "code": 550, "reply": f"5.1.1 <p{number}@{domain}>: No such user"}
        elif refusal < 0.03 and domain == "uni.example":
            row |= {"state": State.FAILED, "code": 554, "reply": "5.7.1 Message rejected as spam"}
        elif refusal < 0.045:
            row |= {"state": State.BOUNCED, "code": 552, "reply": "5.2.2 Mailbox full"}
            row["updated_at"] += chance.randrange(30_000, 60_000)
        found.append(row)
    return found


def main() -> None:
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    if browser_path is None:
        sys.exit("Chromium is missing; on Debian and Ubuntu: apt-get install chromium")
    IMAGES.mkdir(exist_ok=True)
    with local_run() as (link, home), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.goto(link)
        page.locator("[name=recipients]").evaluate(PASTE, recipients(6_000))
        page.fill("[name=subject]", "You are invited, {{ name }}")
        page.fill("[name=text]", LETTER)
        page.locator("[name=undo]").evaluate("field => { field.value = 0 }")
        take(page, "compose")
        page.get_by_role("button", name="Check").click()
        page.wait_for_selector("text=to look at", timeout=60_000)
        take(page, "check")
        page.get_by_role("button", name="Send 6,000 mails").click()
        page.wait_for_timeout(2_500)
        take(page, "mailing")
        page.wait_for_selector("text=100 %", timeout=60_000)
        page.goto(f"http://127.0.0.1:{PORT}/")
        spend(page, Mouse(), pictures(page, IMAGES))
        page.goto(f"http://127.0.0.1:{PORT}/race")
        page.get_by_role("button", name="Start the race").click()
        page.wait_for_selector('[data-announce="4 of 4 runs done"]', timeout=120_000)
        page.screenshot(path=IMAGES / "race.png", full_page=True)
        ledger = Database(url_of_file(home / "mailroom.db"))
        over = {"state": "done", "started_at": datetime.now(UTC) - timedelta(minutes=2)}
        mailing_id = a_mailing(ledger, *report_of(), ended_at=datetime.now(UTC), **over)
        ledger.dispose()
        page.goto(f"http://127.0.0.1:{PORT}/mailings/{mailing_id}/report")
        page.set_viewport_size({"width": 1280, "height": 2_100})
        take(page, "report")
        browser.close()


if __name__ == "__main__":
    main()
