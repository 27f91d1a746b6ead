"""A stored template is filled strictly, with fallbacks, and three braces mean two."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailroom.content.merge.braces import two_braces
from mailroom.content.merge.plain import MergeError
from mailroom.content.merge.tags import parse_template, tags_in
from mailroom.content.templates.filling import FilledLetter, MissingValues, filled
from mailroom.content.templates.template_letter import (
    TemplateLetter,
    TemplateVariable,
    letter_of,
    problems_of,
)

LETTER = TemplateLetter(
    subject="Order {{{ORDER}}}",
    text="Dear {{ NAME }}, {% if VIP == true %}thank you{% endif %}",
    html="<p>{{{ NAME }}}</p>",
    variables=(
        TemplateVariable("ORDER"),
        TemplateVariable("NAME", "string", "friend"),
        TemplateVariable("VIP", "boolean", False),
    ),
)


def test_values_stand_where_their_tags_stood_and_are_escaped_in_html() -> None:
    said = filled(LETTER, {"ORDER": 7, "NAME": "<Ann>", "VIP": True})
    assert said == FilledLetter("Order 7", "Dear <Ann>, thank you", "<p>&lt;Ann&gt;</p>")


@pytest.mark.parametrize("given", [{}, {"NAME": None}, {"NAME": ""}], ids=str)
def test_a_fallback_stands_in_for_a_value_that_is_missing_or_empty(given: dict[str, str | None]) -> None:
    assert filled(LETTER, {"ORDER": "A", **given}).text == "Dear friend, "


@pytest.mark.parametrize("part", ["subject", "text", "html"])
@pytest.mark.parametrize(
    "source", ["{{ KEY }}", "{{{KEY}}}", "{{ KEY | upcase }}", "{% if KEY %}a{% endif %}", "{{ A }}{{ KEY }}"]
)
def test_a_missing_value_is_named_wherever_it_is_wanted(part: str, source: str) -> None:
    with pytest.raises(MissingValues, match="KEY") as missing:
        filled(replace(TemplateLetter(text="Hi"), **{part: source}), {"A": "a"})  # type: ignore[arg-type]
    assert missing.value.names == ["KEY"]
    assert filled(replace(TemplateLetter(), **{part: source}), {"A": "a", "KEY": ""})  # type: ignore[arg-type]


def test_a_value_is_no_template_itself() -> None:
    letter = TemplateLetter(text="{{ A }}{{ A | append: '' }}")
    assert filled(letter, {"A": "{{ B }}{% raw %}"}).text == "{{ B }}{% raw %}" * 2


@pytest.mark.parametrize(
    ("source", "same"),
    [
        ("{{{KEY}}} {{{ KEY }}} {{ KEY }}", "{{KEY}} {{ KEY }} {{ KEY }}"),
        ("{{{ KEY | upcase }}}", "{{ KEY | upcase }}"),
        ("{% raw %}{{{KEY}}}{% endraw %}{{{KEY}}}", "{% raw %}{{{KEY}}}{% endraw %}{{KEY}}"),
        ("{% raw %}{{{KEY}}}", "{% raw %}{{KEY}}"),
        ("{{{KEY}} {{KEY}}} {{{{KEY}}}}", "{{{KEY}} {{KEY}}} {{{KEY}}}"),
    ],
)
def test_three_braces_are_two(source: str, same: str) -> None:
    assert two_braces(source) == same


def test_three_braces_work_in_every_mailing() -> None:
    template = parse_template("{{{ name }}}, {{ name | upcase }}")
    assert template is not None and template.render({"name": "Ann"}) == "Ann, ANN"
    assert tags_in("{{{A}}}{{{ B }}}") == ["A", "B"]


@pytest.mark.parametrize(
    ("letter", "field"),
    [
        (TemplateLetter(text="{{ a |"), "text"),
        (TemplateLetter(html="{% for %}"), "html"),
        (TemplateLetter(html="{% include 'x' %}"), "html"),
        (TemplateLetter(subject="{{ a | no_such }}"), "subject"),
        (TemplateLetter(subject="a\nb"), "subject"),
        (TemplateLetter(variables=(TemplateVariable("A"), TemplateVariable("A"))), "variables"),
        (TemplateLetter(variables=(TemplateVariable("A", "number", "x"),)), "variables"),
        (TemplateLetter(variables=(TemplateVariable("A", "number", True),)), "variables"),
        (TemplateLetter(variables=(TemplateVariable("A", "string", "x" * 2_001),)), "variables"),
        (TemplateLetter(text="x" * (1 << 20) + "x"), "text"),
    ],
)
def test_what_cannot_be_kept_is_told_with_its_field(letter: TemplateLetter, field: str) -> None:
    assert [where for where, _ in problems_of(letter)] == [field]


def test_a_letter_is_kept_as_it_is() -> None:
    letter = replace(LETTER, sender="Acme <a@acme.example>", reply_to=("b@acme.example",))
    assert letter_of(letter.as_json()) == letter
    assert problems_of(letter) == []


def test_values_do_not_fill_without_bound() -> None:
    with pytest.raises(MergeError, match="put in 4,000,000"):
        filled(TemplateLetter(text="{{ A }}" * 40), {"A": "x" * 100_000})
    with pytest.raises(MergeError, match="loops"):
        filled(
            TemplateLetter(text="{% for i in (1..9999) %}{% for j in (1..9999) %}x{% endfor %}{% endfor %}"),
            {},
        )
