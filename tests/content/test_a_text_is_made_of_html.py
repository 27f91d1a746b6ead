"""A text is made of HTML that came without one: words, links, lists; merge tags as they are; in no time."""

from __future__ import annotations

import time

import pytest

from mailroom.content.merge.tags import parse_template
from mailroom.content.templates.letterhead import LETTERHEAD
from mailroom.content.templates.own_texts import OwnTexts, filled_with, said_with
from mailroom.content.templates.slots import in_slots
from mailroom.content.templates.template_letter import TemplateLetter
from mailroom.content.text.html_text import MOST_MARKS, text_of_html


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Dear <b>Ann</b>,</p>\n<p>a &amp; b<br>c</p>", "Dear Ann,\n\na & b\nc\n"),
        ("<h1>News</h1><ul><li>one<li>two</ul>end", "News\n\n- one\n- two\n\nend\n"),
        ('<a href="https://acme.example/x">Read on</a>', "Read on (https://acme.example/x)\n"),
        ('<a href="https://acme.example">https://acme.example</a>', "https://acme.example\n"),
        ('<a href="mailto:a@b.example">a@b.example</a> <a href="#top">up</a>', "a@b.example up\n"),
        ('<a href="javascript:alert(1)">x</a><img alt="Logo" src="cid:a">', "xLogo\n"),
        ("<title>T</title><style>p {}</style><script>x</script><p>y", "y\n"),
        ("<table><tr><td>a<td>b<tr><td>c</table>", "a b\nc\n"),
        ("<!-- no --><p>{{ name | append: '<' }}</p>", "{{ name | append: '<' }}\n"),
        ('<a href="{{ url }}">Go</a>', "Go ({{ url }})\n"),
        ("", "\n"),
    ],
)
def test_its_words_are_kept(html: str, text: str) -> None:
    assert text_of_html(html) == text


def test_a_loop_over_rows_stays_round_its_rows() -> None:
    html = "<table>{% for n in (1..2) %}<tr><td>{{ n }}</td></tr>{% endfor %}</table>"
    template = parse_template(text_of_html(html))
    assert template is not None and template.render({}).split() == ["1", "2"]


def test_a_template_without_a_text_has_one_made_of_its_html() -> None:
    letter = TemplateLetter(subject="Hi", html="<p>Dear {{ NAME }}</p>")
    assert said_with(letter, OwnTexts()).text == "Dear {{ NAME }}\n"
    assert said_with(letter, OwnTexts(html="<p>Mine</p>")).text == "Mine\n"
    own = OwnTexts(html="<p>{{ mine }} &lt;</p>")
    assert filled_with(letter, own, {}).text == "{{ mine }} <\n"
    assert filled_with(letter, OwnTexts(), {"NAME": "<Ann>"}).text == "Dear <Ann>\n"


def test_no_comment_gets_into_the_text() -> None:
    assert text_of_html("<p>Hello</p><!--tagged: not for customers--><p>there</p>") == "Hello\n\nthere\n"


def test_the_letterhead_has_its_words() -> None:
    html = in_slots(LETTERHEAD.html, "<p>Dear {{ name }}</p>")
    assert text_of_html(html).split("\n\n") == ["{{- COMPANY -}}", "Dear {{ name }}", "{{ COMPANY }}\n"]


@pytest.mark.parametrize(
    "part",
    [
        "<div>",
        "<b>",
        "<p>",
        "<a href=x>",
        "<!--",
        "<![",
        "<",
        "&",
        "<table><tr>",
        "{{",
        "{%",
        "{{ a }}",
        "{%%}",
        "<svg>",
    ],
)
@pytest.mark.parametrize("times", [MOST_MARKS // 2, 300_000])
def test_hostile_html_takes_no_time(part: str, times: int) -> None:
    began = time.thread_time()
    text_of_html((part * times)[: 1 << 20])
    assert time.thread_time() - began < 3


@pytest.mark.parametrize(
    "name", ["b", "BIG", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u", "a"]
)
def test_formatting_that_is_left_open_is_not_made_anew_in_every_paragraph(name: str) -> None:
    """A thousand elements and a thousand paragraphs were a million: 11 kB took 156 MB."""
    opened = "".join(f"<{name}\tid={at}>" for at in range(9_000))
    began = time.thread_time()
    assert text_of_html(f"<p>{opened}</p>" + "<p>x" * 9_000).split() == ["x"] * 9_000
    assert time.thread_time() - began < 3
