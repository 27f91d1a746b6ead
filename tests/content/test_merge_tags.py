from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailroom.content.addresses import Address
from mailroom.content.content import Content
from mailroom.content.merge.liquid import LiquidTemplate
from mailroom.content.merge.plain import MergeError, PlainTemplate, crlf
from mailroom.content.merge.tags import parse_template, unknown_tags
from mailroom.content.message.body import whole_lines
from tests.content.mail import ANN, JOHN, as_typed, body_of, received

texts = st.text("ab <&\"'{}%|é😀\r\n.=x", max_size=60)
long_texts = st.builds(  # long enough to be cut between two tags
    lambda start, odd, end: "x" * start + odd + "y é" * end,
    st.integers(60, 480),
    st.sampled_from(["", ".", "\r\n", "=", " ", "é", "😀"]),
    st.integers(100, 200),
)
tags = st.sampled_from(["{{ a }}", "{{b}}", "{{ name\n}}", "{{a}}\n"])
templates = st.lists(st.one_of(texts, tags, long_texts), max_size=12)
many_lines = st.builds(
    lambda line, times, end: f"{line}\r\n" * times + end,
    st.sampled_from(["A line of the letter", ".", "", "é <&> 😀", "From = 1"]),
    st.integers(10, 40),
    st.sampled_from(["", "begun", "\r\n", "."]),
)
blocks = st.sampled_from(
    ["{% if a != blank %}{{ a | append: b }}\n.{% endif %}", "{%- assign c = a -%}", "{{ a | url_decode }}"]
)
liquid_templates = st.tuples(
    st.lists(st.one_of(texts, tags, many_lines, blocks), max_size=5),
    blocks,
    st.lists(st.one_of(texts, tags, many_lines, blocks), max_size=5),
).map(lambda parts: [*parts[0], parts[1], *parts[2]])


@settings(max_examples=300, deadline=None)
@given(templates.map("".join), texts, texts, st.booleans())
def test_plain_tags_give_what_liquid_gives(source: str, a: str, b: str, html: bool) -> None:
    try:
        template = parse_template(source, html=html)
    except MergeError:
        return
    if isinstance(template, PlainTemplate):
        values = {"a": a, "b": b}
        expected = LiquidTemplate(crlf(source), html=html).render(values)  # as both are given it
        assert as_typed(template.render(values)) == as_typed(expected)


@settings(max_examples=300, deadline=None)
@given(st.one_of(templates, liquid_templates).map("".join), texts, texts)
def test_a_body_compiled_in_lines_is_the_whole_body_rendered(source: str, a: str, b: str) -> None:
    try:
        template = parse_template(source := whole_lines(source))
    except MergeError:
        return
    whole = template.render({"a": a, "b": b, "name": ANN.name}) if template else source
    message = received(Content(JOHN, "s", text=source), ANN, {"a": a, "b": b})

    assert body_of(message, "plain") == as_typed(whole)


def test_a_value_may_have_any_name() -> None:
    template = parse_template("{{ partial | upcase }} {{ template }} {{ forloop }}")
    assert template is not None
    assert template.render({"partial": "a", "template": "b", "forloop": "c"}) == "A b c"


def test_values_are_escaped_in_html_and_nowhere_else() -> None:
    source = "{{ first_name }}"
    content = Content(JOHN, source, text=source, html=f"<p>{source}</p>")
    message = received(content, ANN, {"first_name": "<Ann & Co>"})

    assert message["Subject"] == "<Ann & Co>"
    assert body_of(message, "plain") == "<Ann & Co>\r\n"
    assert body_of(message, "html") == "<p>&lt;Ann &amp; Co&gt;</p>\r\n"


def test_email_and_name_are_always_there() -> None:
    message = received(Content(JOHN, "{{ name }}", text="{{ email }}"), Address("bob@example.org", "Bob"))

    assert (message["Subject"], body_of(message, "plain")) == ("Bob", "bob@example.org\r\n")


def test_a_recipient_without_the_value_gets_an_empty_text() -> None:
    content = Content(JOHN, "Hi", text="Dear {{ x }}!", html="{{ x | default: 'friend' }}")
    message = received(content, ANN, {"x": ""})

    assert body_of(message, "plain") == "Dear !\r\n"
    assert body_of(message, "html") == "friend\r\n"
    assert body_of(received(content, ANN), "html") == "friend\r\n"


def test_line_breaks_in_values_never_reach_a_header() -> None:
    evil = "x\r\nBcc: eve@example.org\r\n\r\nbody"
    content = Content(JOHN, "{{ v }}", text="t {{ v }}")
    message = received(content, Address("ann@example.org", evil), {"v": evil})

    assert message["Subject"] == "x Bcc: eve@example.org body"
    assert message["Bcc"] is None
    assert "eve@example.org" in message["To"].addresses[0].display_name
    assert body_of(message, "plain") == f"t {evil}\r\n"


def test_liquid_blocks_and_filters_work_in_every_field() -> None:
    source = "{% if plan == 'gold' %}Gold{% else %}{{ plan | upcase }}{% endif %}"
    content = Content(JOHN, source, text=f"a\n{source}", html=f"<b>{source}</b>")

    assert received(content, ANN, {"plan": "gold"})["Subject"] == "Gold"
    message = received(content, ANN, {"plan": "<free>"})
    assert body_of(message, "plain") == "a\r\n<FREE>\r\n"
    assert body_of(message, "html") == "<b>&lt;FREE&gt;</b>\r\n"


LONG = "{% capture s %}{% for i in (1..9000) %}xxxxxxxxxxx{% endfor %}{% endcapture %}"


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in (1..1000000000) %}x{% endfor %}",
        "{% for i in (1..5000) %}{% for j in (1..5000) %}x{% endfor %}{% endfor %}",
        "{% assign s = 'xxxxxxxxxx' %}{% for i in (1..60) %}{% assign s = s | append: s %}{% endfor %}",
        f"{LONG}{{{{ s | replace: '', s }}}}",
        f"{LONG}{{{{ s | split: '' | join: s }}}}",
        "{% assign n = 9 %}{% for i in (1..60) %}{% assign n = n | times: n %}{% endfor %}{{ n }}",
        "{{ name | divided_by: 0 }}",
    ],
)
def test_what_goes_too_far_is_an_error_of_this_recipient(source: str) -> None:
    template = parse_template(source)
    assert template is not None

    with pytest.raises(MergeError):
        template.render({"name": "Ann"})


@pytest.mark.parametrize(
    "source", ["{{ name.__class__.__mro__ }}", "{{ name['__class__'] }}", "{{ name._x }}"]
)
def test_python_objects_are_out_of_reach(source: str) -> None:
    with pytest.raises(MergeError):
        parse_template(source)


def test_unknown_tags_are_named() -> None:
    assert unknown_tags("{{ a }} {{ b }} {{ a }} {{ name }}", ["b"]) == ["a"]
    assert unknown_tags("{% for x in list %}{{ x }}{{ y | upcase }}{% endfor %}", []) == ["list", "y"]
