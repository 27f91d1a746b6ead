"""HTML as Word, Outlook, LibreOffice and Google Docs put it on the clipboard."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from mailroom.content.writing.pasted import markdown_of_pasted

PASTED = Path(__file__).parent / "pasted"


def test_of_word_stay_words_headings_lists_tables_links() -> None:
    assert markdown_of_pasted((PASTED / "word.html").read_text(encoding="utf-8")) == (
        "# Sommerfest\n\n"
        "Liebe {{ first_name }},\n\n"
        "wir laden **herzlich** ein, am *4. Juli*: [hier](https://fest.example/a?b=1&c=2). "
        "2 \\* 3 = 6\\_7\n\n"
        "- Kuchen\n   - mit Sahne\n1. Tanz\n\n"
        "| **Wann** | **Was** |\n| --- | --- |\n| 18 Uhr | a\\|b |\n"
    )


def test_of_google_docs_bold_is_where_it_was() -> None:
    pasted = (
        '<meta charset="utf-8"><b style="font-weight:normal;" id="docs-internal-guid-1"><p dir="ltr" '
        'style="line-height:1.38"><span style="font-size:11pt;font-weight:700">Dear all</span>'
        '<span style="font-size:11pt;font-weight:400">, see </span><a href="https://a.example">'
        '<span style="font-style:italic">this</span></a></p><ul><li dir="ltr"><p><span>One</span></p></li>'
        "<li><p>Two<br>lines</p></li></ul></b>"
    )
    assert markdown_of_pasted(pasted) == (
        "**Dear all**, see [*this*](https://a.example)\n\n- One\n- Two\n  lines\n"
    )


def test_of_outlook_and_libreoffice() -> None:
    outlook = (
        "<p class=MsoNormal><span style='font-size:11.0pt;color:#1F497D'>Hi Bob,<br><br>fine.</span></p>"
        '<p class=MsoNormal><img width=1 src="file:///C:/x.png"><a href="javascript:alert(1)">Click</a></p>'
    )
    assert markdown_of_pasted(outlook) == "Hi Bob,\n\nfine.\n\nClick\n"
    libre = (
        '<!DOCTYPE html><html><head><meta name="generator" content="LibreOffice 7.4"/><style>p{}</style>'
        '</head><body><h2 class="western">Plan</h2><ol><li><p>a</p></li><li><p>b</p></li></ol>'
        "<p>1. no list</p><p># no heading</p></body></html>"
    )
    assert markdown_of_pasted(libre) == "## Plan\n\n1. a\n1. b\n\n1\\. no list\n\n\\# no heading\n"


@pytest.mark.parametrize(
    "html",
    [
        "<script>alert(1)</script><style>p{}</style><svg onload=alert(1)>x</svg>",
        '<img src=x onerror=alert(1)><iframe src="javascript:1"></iframe>x',
        '<a href="data:text/html,x" onclick="y">x</a>',
        "&lt;script&gt;x",
    ],
)
def test_nothing_that_runs_stays(html: str) -> None:
    made = markdown_of_pasted(html)
    assert "x" in made and "alert" not in made and "(data:" not in made
    assert "<" not in made.replace("\\<", "")


LEFT_OPEN = "<p>" + "".join(f"<b id={at}>" for at in range(9_000)) + "</p>" + "<p>x" * 9_000
HARD = (
    LEFT_OPEN,
    LEFT_OPEN.replace("<b ", "<STRONG\n"),
    *("<p>" * 30_000, "<b>" * 9_000 + "x", "<!--[if " * 10_000, "<![if x]>" * 9_000, "<ul><li>" * 9_000),
    *("x" * 2_000_000, "<b>x " * 9_000, "<td>" * 9_000, "<p style='mso-list:" + "l" * 900_000 + "'>x"),
)


@pytest.mark.parametrize("html", HARD)
def test_no_clipboard_takes_long(html: str) -> None:
    began = time.thread_time()
    markdown_of_pasted(html)
    assert time.thread_time() - began < 2
