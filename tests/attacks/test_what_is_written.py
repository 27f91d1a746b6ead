"""Letters that read files, ask hosts, hold a processor, fill memory or end a process: each in vain."""

from __future__ import annotations

import os
import resource
import socket
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.datastructures import MultiDict

from mailroom.content.writing import converter
from mailroom.content.writing.converter import Converter, NotConverted
from mailroom.content.writing.inlining import inlined
from mailroom.content.writing.layout import PLAIN_LAYOUT, Layout
from mailroom.content.writing.pasted import markdown_of_pasted
from mailroom.content.writing.written import Format, WrittenLetter
from mailroom.web.drafts.differences import MOST_LINES, differences

MB = 1 << 20


def mjml(body: str = "", head: str = "") -> str:
    return (
        f"<mjml><mj-head>{head}</mj-head><mj-body><mj-section><mj-column>{body}</mj-column></mj-section>"
        "</mj-body></mjml>"
    )


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret.css"
    file.write_text("p { content: 'hunter2' }")
    return file


@pytest.fixture
def host() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)
        yield listening


def of(format: Format, source: str) -> str:
    try:
        return "".join(WrittenLetter(format, source, layout=Layout(kind=PLAIN_LAYOUT)).made()[1:])  # type: ignore[arg-type]
    except NotConverted as refused:
        return str(refused)


def test_no_file_and_no_host_is_reached(secret: Path, host: socket.socket) -> None:
    for place in (str(secret), f"file://{secret}", f"http://127.0.0.1:{host.getsockname()[1]}/a.css"):
        for source in (
            mjml(f'<mj-include path="{place}" />'),
            mjml(head=f'<mj-include path="{place}" type="css" />'),
            f'<!DOCTYPE x [<!ENTITY e SYSTEM "{place}">]>{mjml("<mj-text>&e;</mj-text>")}',
            mjml(f'<mj-text><link rel="stylesheet" href="{place}"/><p>x</p></mj-text>'),
            mjml(head=f'<mj-style inline="inline">@import url({place});</mj-style>'),
        ):
            assert "hunter2" not in of(Format.MJML, source)
        for source in (
            f"<link rel=stylesheet href={place}>\n\nx",
            f"![x]({place})",
            f"<style>@import '{place}'</style>",
        ):
            assert "hunter2" not in of(Format.MARKDOWN, source)
        page = (
            f'<link rel="stylesheet" href="{place}"><style>@import url({place}); p {{ top: 1px }}</style><p>x'
        )
        assert "hunter2" not in inlined(page) and "top: 1px" in inlined(page)
    with pytest.raises(TimeoutError):
        host.accept()


def test_the_library_is_told_to_include_nothing_even_without_our_look_at_it(secret: Path) -> None:
    with pytest.raises(NotConverted, match="include"):
        converter.converted("mjml", mjml(f'<mj-include path="{secret}" />'))


def test_its_process_has_no_secret_and_can_open_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hunter2")
    one = Converter()
    one.convert("markdown", "x")
    process = Path(f"/proc/{one._process.pid}")  # type: ignore[union-attr]
    assert b"hunter2" not in (process / "environ").read_bytes()
    limits = (process / "limits").read_text()
    assert "Max open files            3 " in limits and "Max file size             0 " in limits
    assert f"Max address space         {converter.CONVERTER_MEMORY} " in limits
    assert sorted(os.listdir(process / "fd")) == ["0", "1", "2"]
    one.end()


HARD = {
    "emphasis that never ends": (Format.MARKDOWN, "*a **a " * 50_000),
    "brackets in brackets": (Format.MARKDOWN, "[" * 200_000),
    "links in links": (Format.MARKDOWN, "[a](" * 100_000),
    "quotes in quotes": (Format.MARKDOWN, ">" * 200_000 + "x"),
    "lists in lists": (Format.MARKDOWN, "".join(f"{' ' * 2 * at}- x\n" for at in range(900))),
    "ticks": (Format.MARKDOWN, "".join("a" + "`" * at for at in range(1_400))),
    "definitions": (Format.MARKDOWN, "".join(f"[{at}]: a\n" for at in range(50_000))),
    "comments that never end": (Format.MARKDOWN, "a <!-- " * 100_000),
    "tags that never end": (Format.MARKDOWN, "{{ {% " * 150_000),
    "many tags": (Format.MARKDOWN, "{% if a %}\n" * 80_000),
    "entities": (Format.MARKDOWN, "&" * 900_000),
    "a table of many columns": (Format.MARKDOWN, "|a" * 3_000 + "\n" + "|-" * 3_000 + "\n" + "||\n" * 2_000),
    "elements in elements": (Format.MJML, mjml("<mj-text>" + "<b>" * 300_000 + "</mj-text>")),
    "a tag that never ends": (Format.MJML, mjml("<mj-text " + "a " * 400_000)),
    "attributes": (Format.MJML, mjml("<mj-text " + 'a="b" ' * 150_000 + ">x</mj-text>")),
    "brackets": (Format.MJML, "<" * 1_000_000),
    "comments": (Format.MJML, mjml("<!--" * 250_000)),
    "many sections": (Format.MJML, mjml("<mj-text>x</mj-text>" * 50_000)),
    "too much of it": (Format.MJML, mjml("<mj-text>x</mj-text>" * 60_000)),
    "classes": (
        Format.MJML,
        mjml(
            "<mj-text>x</mj-text>",
            "<mj-attributes>"
            + "".join(f'<mj-class name="a{at}" color="red" />' for at in range(20_000))
            + "</mj-attributes>",
        ),
    ),
}


@pytest.mark.parametrize("name", HARD)
def test_no_letter_takes_long_or_much(name: str) -> None:
    format, source = HARD[name]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.thread_time()
    of(format, source)
    assert time.thread_time() - began < 2, "of the web process's time"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400 * 1024, "of its memory"
    assert of(Format.MARKDOWN, "*fine*") == "fine\n<p><em>fine</em></p>\n", "and the next one is served"


@pytest.mark.parametrize(
    "html",
    [
        "<style>p{top:0}</style>" + "<b>" * 100_000,
        "<style>" + "a b c d e f > g + h, " * 20_000 + "i{top:0}</style>" + "<a><b><c>" * 80,
        "<style>" + "".join(f".a{at}{{top:0}}" for at in range(30_000)) + "</style>" + "<p>x" * 30_000,
        "<style>*{top:0}</style>" + "<p>" * 300_000,
        "<style>" + "@media a{" * 50_000,
        "<style>p{top:0}</style><table>" + "<p>" * 100_000,
        "<style>p{color:{{ a }}}</style><p>" * 20_000,
        "<style>p{top:0}</style><p>x</p>" + "<style" * 170_000,
    ],
)
def test_no_stylesheet_takes_long(html: str) -> None:
    began, wall = time.thread_time(), time.monotonic()
    assert inlined(html)
    assert time.thread_time() - began < 2
    assert time.monotonic() - wall < converter.CONVERTED_WITHIN_SECONDS + 5


@pytest.mark.parametrize(
    "html",
    [
        f'<p style="{"mso-list:" * 100_000}">x</p>',
        f'<p style="{"font-weight:" * 80_000}"><b style="{"mso-list: l0 level" * 5_000}">x</b></p>',
        "<ul><li>x" * 5_000,
        "<blockquote>x" * 9_000,
        "<b>x<i>" * 9_000,
        "{{" * 500_000,
    ],
)
def test_no_clipboard_takes_long_or_becomes_much(html: str) -> None:
    began = time.thread_time()
    assert len(markdown_of_pasted(html)) < 2 * MB
    assert time.thread_time() - began < 2


def test_no_two_versions_of_a_draft_take_long_to_be_compared() -> None:
    half = MOST_LINES // 2
    before = "\n".join(["a"] * half + [f"x{at}" for at in range(half)])
    now = "\n".join(["a", "b"] * half)
    began = time.thread_time()
    (changed,) = differences((MultiDict({"text": before}), ()), (MultiDict({"text": now}), ()))
    assert time.thread_time() - began < 2 and changed.lines[0].kind == "gap"


def test_versions_of_line_ends_alone_take_little_to_be_compared() -> None:
    """Each took 24 times its length."""
    before, now = (MultiDict({"text": "\n" * 4_000_000 + end}) for end in ("", "x"))
    tracemalloc.start()
    (changed,) = differences((before, ()), (now, ()))
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken < 20 * MB and changed.lines[0].kind == "gap"


def test_one_that_ends_the_process_ends_that_one_only() -> None:
    one = Converter()
    deep = mjml("<mj-text>" + "<b>" * 100_000 + "x" + "</b>" * 100_000 + "</mj-text>")
    with pytest.raises(NotConverted, match="too much work"):
        one.convert("mjml", deep)
    assert one.convert("markdown", "x") == {"html": "<p>x</p>\n", "text": "x\n"}
    one._process.kill()  # type: ignore[union-attr]
    one._process.wait()  # type: ignore[union-attr]
    assert one.convert("markdown", "y")["text"] == "y\n"
    one.end()


def test_a_script_s_address_is_no_link() -> None:
    html = of(
        Format.MARKDOWN, "[x](javascript:alert(1)) ![x](data:text/html;base64,AAAA) [y](file:///etc/passwd)"
    )
    assert "href" not in html and "src" not in html
