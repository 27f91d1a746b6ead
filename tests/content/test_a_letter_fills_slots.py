"""A template's slots are filled by the letter; what fills them stays what it is."""

from __future__ import annotations

import time

import pytest

from mailroom.content.merge.plain import MergeError
from mailroom.content.templates.own_texts import OwnTexts, filled_with, said_with
from mailroom.content.templates.slots import MOST_SLOTS, in_slots, with_defaults
from mailroom.content.templates.template_letter import TemplateLetter, problems_of

HEAD = "<h1>{{ TITLE }}</h1>{% slot content %}{% endslot %}<hr>{% slot footer %}Acme{% endslot %}"
LETTERHEAD = TemplateLetter(
    subject="News", html=HEAD, text="ACME\n\n{% slot content %}nothing{% endslot %}\n"
)


def test_the_letter_stands_in_the_slot_content() -> None:
    assert in_slots(HEAD, "<p>Hi</p>") == "<h1>{{ TITLE }}</h1><p>Hi</p><hr>Acme"


def test_its_blocks_stand_in_the_slots_of_their_names() -> None:
    letter = "<p>Hi</p>\n{%- slot footer -%}Us{%- endslot -%}\n"
    assert in_slots(HEAD, letter) == "<h1>{{ TITLE }}</h1><p>Hi</p><hr>Us"
    assert in_slots(HEAD, "{% slot content %}a{% endslot %} {% slot footer %}{% endslot %}").endswith("a<hr>")


def test_a_template_by_itself_says_what_its_slots_hold() -> None:
    assert with_defaults(HEAD) == "<h1>{{ TITLE }}</h1><hr>Acme"


@pytest.mark.parametrize(
    ("template", "letter", "words"),
    [
        (HEAD, "{% slot side %}x{% endslot %}", "no slot side; there are: content, footer"),
        ("{% slot a %}{% endslot %}", "text", "no slot content"),
        (HEAD, "{% slot footer %}x{% endslot %}{% slot footer %}y{% endslot %}", "filled twice"),
        (HEAD, "{% slot content %}x{% endslot %} and y", "filled twice"),
        (HEAD, "{% slot footer %}x", "is not closed"),
        (HEAD, "{% slot footer %}{% slot content %}x{% endslot %}{% endslot %}", "stands in the slot footer"),
        (HEAD, "x{% endslot %}", "has no slot"),
        (HEAD, "".join(f"{{% slot s{n} %}}{{% endslot %}}" for n in range(MOST_SLOTS + 1)), "more than 50"),
    ],
)
def test_what_does_not_fit_is_told(template: str, letter: str, words: str) -> None:
    with pytest.raises(MergeError, match=words):
        in_slots(template, letter)


def test_a_template_whose_slots_are_open_is_not_kept() -> None:
    assert [field for field, _ in problems_of(TemplateLetter(html="{% slot content %}"))] == ["html"]
    assert problems_of(LETTERHEAD) == []


def test_a_mailing_s_tags_are_filled_in_its_slots() -> None:
    said = said_with(LETTERHEAD, OwnTexts(None, "Dear {{ name }}", "<p>Dear {{ name }}</p>"))
    assert said.html == "<h1>{{ TITLE }}</h1><p>Dear {{ name }}</p><hr>Acme"
    assert (said.subject, said.text) == ("News", "ACME\n\nDear {{ name }}\n")


def test_a_text_alone_stands_in_the_html_as_well() -> None:
    said = said_with(LETTERHEAD, OwnTexts(text='Dear {{ name | append: "<" }},\nyou & I\n\n\nBye'))
    assert '<p>Dear {{ name | append: "<" }},<br>\nyou &amp; I</p>\n<p>Bye</p>' in said.html


def test_a_template_without_slots_is_taken_the_place_of() -> None:
    plain = TemplateLetter(subject="S", html="<p>T</p>", text="T")
    assert said_with(plain, OwnTexts(html="<p>Mine</p>", text=" ")).html == "<p>Mine</p>"
    assert said_with(plain, OwnTexts(html="<p>Mine</p>", text=" ")).text == "T"


def test_an_emails_own_texts_stay_as_they_are() -> None:
    own = OwnTexts("{{ TITLE }}", "{{ x | }} <&", "<b>{% no %}</b>{% slot footer %}{{ TITLE }}{% endslot %}")
    said = filled_with(LETTERHEAD, own, {"TITLE": "Hello"})
    assert said.subject == "{{ TITLE }}" and said.text == "ACME\n\n{{ x | }} <&\n"
    assert said.html == "<h1>Hello</h1><b>{% no %}</b><hr>{{ TITLE }}"
    alone = filled_with(LETTERHEAD, OwnTexts(text="<script>{{ x }}</script>"), {"TITLE": "Hello"})
    assert "<p>&lt;script&gt;{{ x }}&lt;/script&gt;</p>" in alone.html


@pytest.mark.parametrize(
    "source",
    ["{% slot a %}", "{% slot a %}{% endslot %}", "{%" + " " * 100, "{% slot", "{{", "{%", "{% endslot %}"],
)
def test_hostile_sources_take_no_time(source: str) -> None:
    hostile, began = source * (500_000 // len(source)), time.thread_time()
    for template, letter in ((hostile, "x"), (HEAD, hostile)):
        try:
            said_with(TemplateLetter(html=template, text=template), OwnTexts(text=letter, html=letter))
            said_with(TemplateLetter(html=template), OwnTexts(text=letter))
        except MergeError:
            pass
    assert time.thread_time() - began < 3
