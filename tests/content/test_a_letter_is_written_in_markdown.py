from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from mailroom.content.addresses import Address
from mailroom.content.content import Content
from mailroom.content.merge.plain import MergeError
from mailroom.content.message.compiled import compile_message
from mailroom.content.recipients.parsed import Recipient
from mailroom.content.writing.converter import NotConverted
from mailroom.content.writing.layout import PLAIN_LAYOUT, Layout
from mailroom.content.writing.written import Format, WrittenLetter, finished

PLAIN = Layout(kind=PLAIN_LAYOUT)


def made(markdown: str, layout: Layout = PLAIN, **more: object) -> tuple[str, str]:
    text, html = WrittenLetter(Format.MARKDOWN, markdown, layout=layout, **more).made()[1:]  # type: ignore[arg-type]
    return text or "", finished(html or "", Format.MARKDOWN)


def mailed(markdown: str, values: dict[str, str | int], layout: Layout = PLAIN) -> tuple[str, str]:
    """Text and HTML as one recipient gets them."""
    text, html = made(markdown, layout)
    content = Content(Address("ann@example.org", "Ann"), "Hi", text, html)
    raw = compile_message(content, "uid", datetime.now(UTC)).render(
        Recipient("bob@example.org", "Bob"), values, "<1@example.org>"
    )
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    bodies = [message.get_body([kind]) for kind in ("plain", "html")]
    return tuple(str(body.get_content()).replace("\r\n", "\n") for body in bodies if body)  # type: ignore[return-value]


def test_html_and_a_text_that_can_be_read_are_made_of_it() -> None:
    text, html = made(
        "# News\n\nA *calm* **day** in [Oslo](https://oslo.example/a?b=1&c=2), & <b>more</b>.\nBest\n\n"
        "1. one\n2. two\n   - three\n\n> quoted\n> twice\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
        "![The sea](cid:sea.png)\n\n    code\n\n---\n\n<https://example.org>\n"
    )
    assert text == (
        "News\n====\n\nA calm *day* in Oslo (https://oslo.example/a?b=1&c=2), & more.\nBest\n\n"
        "1. one\n2. two\n   - three\n\n> quoted\n> twice\n\na | b\n1 | 2\n\n"
        "The sea\n\n    code\n\n--------------------\n\nhttps://example.org\n"
    )
    assert "<h1>News</h1>" in html and '<a href="https://oslo.example/a?b=1&amp;c=2">Oslo</a>' in html
    assert "<br />\nBest" in html and '<img src="cid:sea.png" alt="The sea" />' in html
    assert "<td>2</td>" in html and "<b>more</b>" in html


def test_a_text_that_is_written_stays() -> None:
    assert made("# Hi", Layout(name="Acme"), text="By hand\n")[0] == "By hand\n"


def test_tags_survive_wherever_they_stand_and_values_are_never_markdown() -> None:
    letter = (
        "# Hi {{ first_name | default: 'friend' }}\n\n{% if city %}\n**{{ city }}** *calls*, <{{ url }}>\n\n"
        "{% endif %}\n[Go]({{ url }}) `{{ city }}` {{{ city }}}\n\n"
        "{% for one in list %}\n- {{ one }}\n{% endfor %}\n"
    )
    values: dict[str, str | int] = {
        "city": "**x** <i>&",
        "url": "https://e.example/?a=1&b=2",
        "first_name": "",
        "list": "a",
    }
    text, html = mailed(letter, values)
    assert "<h1>Hi friend</h1>" in html and "<strong>**x** &lt;i&gt;&amp;</strong> <em>calls</em>" in html
    assert '<a href="https://e.example/?a=1&amp;b=2">Go</a>' in html and "<p></p>" not in html
    assert "<code>**x** &lt;i&gt;&amp;</code>" in html and "<li>a</li>" in html
    assert text.startswith("Hi friend\n") and "***x** <i>&* calls" in text and "\n- a\n" in text
    without, _ = mailed(letter, {"city": "", "url": "u", "first_name": "Bob", "list": ""})
    assert "calls" not in without


def test_a_comment_of_the_author_stays_one() -> None:
    _, html = made("a\n\n<!--{{ b }}-->\n\n<!--{% if c %}-->\n\nd{% if e %}f{% endif %}")
    assert "<!--{{ b }}-->" in html and "<!--{% if c %}-->" in html and "d{% if e %}f{% endif %}" in html


def test_tags_of_an_email_that_nobody_fills_are_words() -> None:
    text, html = made("{% if a < b %}*x*\n\n[stop]({{ unsubscribe_url }})", is_filled=False)
    assert "{% if a &lt; b %}<em>x</em>" in html and 'href="{{ unsubscribe_url }}"' in html
    assert text == "{% if a < b %}x\n\nstop ({{ unsubscribe_url }})\n"


def test_the_letterhead_has_a_logo_a_colour_and_a_footer() -> None:
    layout = Layout(colour="#123456", logo="cid:logo.png", footer="[Stop]({{ stop }})", name='Acme "&" Co')
    text, html = mailed("# Hi\n\nDear {{ a }},", {"a": "<Bob>", "stop": "https://stop.example"}, layout)
    assert "border-top: 4px solid #123456" in html and '<img src="cid:logo.png"' in html
    assert 'alt="Acme &quot;&amp;&quot; Co"' in html or 'alt="Acme &#34;&amp;&#34; Co"' in html
    assert '<p style="margin: 0 0 16px;">Dear &lt;Bob&gt;,</p>' in html, "the styles stand at each element"
    assert "@media (prefers-color-scheme: dark)" in html
    assert text == "Hi\n==\n\nDear <Bob>,\n\n-- \nStop (https://stop.example)\n"
    usual, html = mailed("Hi", {}, Layout(name="Acme"))
    assert usual == "Hi\n\n-- \nAcme\n" and "Acme</p>" in html


def test_a_letter_fills_slots_of_the_letterhead_itself() -> None:
    text, html = made("{% slot footer %}\n*Ours*\n{% endslot %}\nHello", Layout(footer="theirs"))
    assert "<em>Ours</em>" in html and "theirs" not in html
    assert text == "Hello\n\n-- \nOurs\n"
    with pytest.raises(MergeError, match="no slot nope"):
        made("{% slot nope %}x{% endslot %}", Layout())


@pytest.mark.parametrize(
    ("layout", "told"),
    [
        (Layout(colour="red;x"), "colour"),
        (Layout(logo='x" onload="'), "logo"),
        (Layout(logo="http://a.example/x.png"), "logo"),
        (Layout(logo="file:///etc/passwd"), "logo"),
        (Layout(footer="x" * 2_001), "footer"),
        (Layout(kind="other"), "layouts"),
    ],
)
def test_a_layout_is_judged(layout: Layout, told: str) -> None:
    with pytest.raises(NotConverted, match=told):
        made("Hi", layout)


def test_a_name_brings_no_tag_into_the_letterhead() -> None:
    text, html = made("Hi", Layout(name="{{ secret }} {% slot content %}"))
    assert "{" not in html.partition("</style>")[2] and "{" not in text
