"""In a real browser: a letter's HTML is seen, runs nothing, and connects to nobody."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from threading import Thread

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import update

from mailroom.ledger.schema import contents
from tests.servers import wait_until
from tests.web.watching import a_mailing, delivery_ids, ledger

HTML = """<!-- x --> <!doctype html><meta http-equiv="x-dns-prefetch-control" content="on">
<meta http-equiv="refresh" content="0;url={there}/refresh">
<base href="{there}/"><link rel="preconnect" href="{there}"><LINK rel=stylesheet href="{there}/css">
<link rel="prefetch" href="{there}/prefetch"><link rel="icon" href="{there}/icon">
<link rel="modulepreload" href="{there}/module"><link rel="preload" as="image" href="{there}/preload">
<style>@import "{there}/import"; p {{ background: url({there}/background); color: rgb(1, 2, 3) }}
@font-face {{ font-family: f; src: url({there}/font) }} p {{ font-family: f }}</style>
<p id="said">Hello {{{{ name }}}}</p>
<img src="{there}/img" srcset="{there}/srcset 2x"><picture><source srcset="{there}/source"><img></picture>
<video src="{there}/video" poster="{there}/poster" autoplay></video>
<audio src="{there}/audio" autoplay></audio>
<iframe src="{there}/iframe"></iframe><iframe srcdoc="<img src='{there}/srcdoc'>"></iframe>
<object data="{there}/object"></object><embed src="{there}/embed"><input type="image" src="{there}/input">
<svg><image href="{there}/svg"/><use href="{there}/use#x"/></svg><table background="{there}/table"></table>
<script src="{there}/script"></script><script>document.getElementById("said").textContent = "ran"</script>
<img src=x onerror="document.getElementById('said').textContent = 'ran'">
<a id="away" href="{there}/away" ping="{there}/ping">away</a>
<a id="here" href="{there}/here" title=">" target="_self">here</a>
<a id="top"/TARGET =_top href="{there}/top">top</a>
<svg width="200" height="50"><a id="drawn" href="{there}/drawn" target='_self'><text y="20">drawn</text></a>
<a id="plain" href="{there}/plain"><text y="40">plain</text></a></svg>
<form action="{there}/form"><button id="send">send</button></form>
"""


@pytest.fixture
def outside() -> Iterator[tuple[str, list[str]]]:
    """Somebody else's server, and everybody who came."""
    came: list[str] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def serve() -> None:
            while True:
                try:
                    client, peer = listener.accept()
                except OSError:
                    return
                came.append(str(peer))
                client.close()

        Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", came
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def tab(browser: Browser, way_in: str) -> Page:
    tab = browser.new_page()
    tab.goto(way_in)
    return tab


@pytest.mark.parametrize("place", ["", "/deliveries/{delivery}"])
def test_it_is_shown_and_asks_nobody(
    app: Flask, tab: Page, url: str, outside: tuple[str, list[str]], place: str
) -> None:
    there, came = outside
    mailing_id = a_mailing(ledger(app), {"name": "Ann"})
    with ledger(app).begin() as connection:
        connection.execute(update(contents).values(html=HTML.format(there=there), text="Hello"))
    tab.goto(f"{url}/mailings/{mailing_id}{place.format(delivery=delivery_ids(ledger(app), mailing_id)[0])}")
    tab.locator("#letter").scroll_into_view_if_needed()
    frame = tab.frame_locator("iframe.frame-letter")
    expect(frame.locator("#said")).to_have_text("Hello Ann" if place else "Hello {{ name }}")
    expect(frame.locator("#said")).to_have_css("color", "rgb(1, 2, 3)")
    assert frame.locator("body").evaluate("() => document.compatMode") == "CSS1Compat"
    frame.locator("#send").click()
    for link in ("#away", "#here", "#top", "#drawn", "#plain"):
        frame.locator(link).click()
        tab.wait_for_timeout(100)
        assert came == [], link
    tab.wait_for_timeout(500)  # for what would be asked for late: there is nothing to be waited for
    assert came == []
    assert tab.url.startswith(f"{url}/mailings/{mailing_id}")


def test_the_server_outside_would_have_been_found(browser: Browser, outside: tuple[str, list[str]]) -> None:
    there, came = outside
    browser.new_page().set_content(f'<iframe src="{there}"></iframe>')
    wait_until(lambda: came, what="a connection")
