from __future__ import annotations

import pytest

from mailroom.content.merge.tags import parse_template
from mailroom.content.writing.converter import NotConverted
from mailroom.content.writing.written import Format, WrittenLetter

LETTER = """\
<mjml>
  <mj-head><mj-title>News</mj-title><mj-preview>For {{ name }}</mj-preview></mj-head>
  <mj-body>
    {% if city %}
    <mj-section background-color="{{ colour }}">
      <mj-column>
        <mj-text>Hello {{ name }}, {% if city == "Oslo" %}to <b>Oslo</b>{% endif %}<br></mj-text>
        <mj-image src="cid:sea.png" alt="The sea" />
        <mj-button href="{{ url }}">Go</mj-button>
      </mj-column>
    </mj-section>
    {% endif %}
  </mj-body>
</mjml>
"""


def made(mjml: str) -> tuple[str, str]:
    text, html = WrittenLetter(Format.MJML, mjml).made()[1:]
    return text or "", html or ""


def test_html_and_text_are_made_of_it_and_tags_survive() -> None:
    text, html = made(LETTER)
    assert html.count("{% if city %}") == html.count('{% if city == "Oslo" %}') == 1
    template = parse_template(html, html=True)
    assert template
    shown = template.render({"name": "<Bob>", "city": "Oslo", "colour": "#fff", "url": "https://e.example"})
    assert "Hello &lt;Bob&gt;, to <b>Oslo</b>" in shown and 'href="https://e.example"' in shown
    assert "background:#fff" in shown and "<title>News</title>" in shown and 'src="cid:sea.png"' in shown
    assert "Hello" not in template.render({"name": "Bob", "city": ""})
    assert 'Hello {{ name }}, {% if city == "Oslo" %}to Oslo{% endif %}' in text and "Go ({{ url }})" in text


def test_nobody_else_is_told_who_reads_it() -> None:
    _, html = made(LETTER)
    assert "http" not in html.replace("http://www.w3.org/1999/xhtml", "").replace("http-equiv", "")
    _, named = made(
        LETTER.replace(
            "<mj-title>", '<mj-font name="Foo" href="https://fonts.example/f" /><mj-title>'
        ).replace("<mj-text>", '<mj-text font-family="Foo">')
    )
    assert "https://fonts.example/f" in named, "a font that its author names is theirs to choose"


def test_styles_that_are_to_be_inlined_are() -> None:
    style = '<mj-style inline="inline">.red { color: red }</mj-style><mj-title>'
    _, html = made(LETTER.replace("<mj-title>", style).replace("<b>", '<b class="red">'))
    assert '<b class="red" style="color: red;">' in html and "@media" in html
    assert html.count("{% if city %}") == 1


WRONG = {
    "a misspelt tag": (("mj-button", "mj-buton"), "Line 9: there is no <mj-buton>; do you mean <mj-button>?"),
    "a tag that is not closed": (
        ("      </mj-column>\n", ""),
        "Line 10: </mj-section> stands where <mj-column> of line 6 is still open.",
    ),
    "HTML that is not closed": (
        ("</b>", ""),
        "Line 7: </mj-text> stands where <b> of line 7 is still open.",
    ),
    "HTML where MJML has none": (
        ("<mj-image", "<p>x</p><mj-image"),
        "Line 8: <p> stands in <mj-column>; HTML belongs into <mj-text> or <mj-raw>.",
    ),
    "a text that would be lost": (
        ("<mj-column>", "<mj-column>Dear {{ name }}"),
        "Line 6: the text “Dear {{ name }}” stands in <mj-column>, where it is not shown.",
    ),
    "an element in the wrong place": (
        ("<mj-column>", "<mj-text>x</mj-text><mj-column>"),
        "Line 6: <mj-text> stands in <mj-section>; it belongs into <mj-column> or <mj-hero>.",
    ),
    "a value without quotes": (
        ('"cid:sea.png"', "cid:sea.png"),
        'Line 8: “<mj-image src=cid:sea.png alt="The sea" />” is not a whole tag',
    ),
    "a bracket that is none": (("Hello", "1 < 2"), "Line 7: “< 2 {{ name }}, {% if city"),
    "a file": (
        ("<mj-image", '<mj-include path="/etc/passwd" /><mj-image'),
        "Line 8: <mj-include> reads a file, and letters read none: put its content here.",
    ),
    "a document type": (("<mjml>", "<!DOCTYPE mjml>\n<mjml>"), "Line 1: "),
    "another letter": (("</mjml>", "</mjml><mjml></mjml>"), "Line 14: there is a second <mjml>."),
    "an end that is missing": (("</mjml>", ""), "Line 1: <mjml> is not closed: write </mjml>."),
    "a comment that is not closed": (("<mj-image", "<!-- <mj-image"), "Line 8: a comment is not closed"),
    "no MJML": ((LETTER, "Hello"), "Line 1: the text “Hello” stands outside of <mjml>"),
    "elements within elements": (("Hello", "<b>" * 70), "stands within 60 others"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_with_line_and_tag(name: str) -> None:
    (old, new), told = WRONG[name]
    with pytest.raises(NotConverted) as refused:
        made(LETTER.replace(old, new, 1))
    assert str(refused.value).find(told) >= 0, str(refused.value)


def test_lines_are_those_of_the_author_where_tags_have_several() -> None:
    with pytest.raises(NotConverted, match="^Line 8: there is no <mj-x>"):
        made(LETTER.replace("{% if city %}", "{% if\n city\n %}").replace("<mj-column>", "<mj-x>"))
