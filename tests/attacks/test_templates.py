"""Templates that hold a worker, or fill its memory: each is refused in words that say what to do.

One line for each attack: what it is, the template, what it is told. They are rendered for
somebody who has the values below.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mailroom.content.addresses import Address
from mailroom.content.check import check
from mailroom.content.content import Content
from mailroom.content.merge.plain import MergeError
from mailroom.content.merge.tags import parse_template, unknown_tags
from mailroom.content.message.compiled import compile_message
from mailroom.content.recipients.parsed import Recipient

VALUES = {
    "name": "Ann",
    "big": "x" * 128_000,
    "csv": "a," * 5_000,
    "emoji": "😀" * 60_000,
    "tags": "<a " * 10_000,
}

WORK = "takes more work than one mail may. Shorten its loops, or work the value out beforehand"
RANGE = "a range has more than 10,000 numbers"
ITEMS = "a list has more than 10,000 items"
LOOPS = "its loops run more than 10,000 times in all"
TOKENS = "there are more tags, or longer ones, than one text can have"
OPEN = "too many tags are opened and not closed"
UNENDED = "a tag is opened and not closed"
BLANKS = "64 blanks or more in a row"


def loop(body: str, times: int = 10_000) -> str:
    return f"{{% for i in (1..{times}) %}}{body}{{% endfor %}}"


RENDERED = {
    "split, sort, first, 2,500 times": (
        loop("{% assign a = big | split: '' | sort | first %}", 2_500),
        ITEMS,
    ),
    "the same on short pieces": (loop("{% assign a = csv | split: ',' | sort | first %}", 2_500), WORK),
    "behind a condition": ("{% if name == 'Ann' %}" + loop("{{ csv | sort_natural }}") + "{% endif %}", WORK),
    "a range into a filter": ("{{ (1..100000000) | sort | size }}", RANGE),
    "a range by way of a variable": ("{% assign r = (1..99999999) %}{{ r | size }}", RANGE),
    "a short range into a filter": ("{{ (1..5) | join: ', ' }}", "a range, which can only be looped over"),
    "a range reversed": ("{% for i in (1..100000000) reversed %}x{% endfor %}", RANGE),
    "the end of a range": ("{% for i in (1..999999999) limit: 1 offset: 999999990 %}x{% endfor %}", RANGE),
    "looking through a range": ("{% if (1..1000000000) contains 'x' %}{% endif %}", RANGE),
    "a range beyond all numbers": ("{% for i in (1.." + "9" * 400 + ") %}{% endfor %}", RANGE),
    "loops in loops": (loop(loop("x", 1_000), 1_000), LOOPS),
    "empty loops, one after another": (loop("") * 900, WORK),
    "conditions that say nothing": (loop("{% if true %}{% endif %}" * 90), WORK),
    "comments": (loop("{% comment %}{% endcomment %}" * 90), WORK),
    "one case of many": (loop("{% case i %}" + "{% when 0 %}x" * 500 + "{% endcase %}"), WORK),
    "a long literal, looked through": (loop("{% if '" + "a" * 30_000 + "' contains 'b' %}{% endif %}"), WORK),
    "many variables": (loop("".join(f"{{% assign a{n} = 1 %}}" for n in range(900))), WORK),
    "a text that doubles": (
        "{% assign s = big %}" + loop("{% assign s = s | append: s %}", 60),
        "variables hold more than",
    ),
    "a list that doubles": (
        "{% assign l = csv | split: ',' %}" + loop("{% assign l = l | concat: l %}", 60),
        ITEMS,
    ),
    "a number that doubles": (
        "{% assign n = 9 %}" + loop("{% assign n = n | times: n %}", 60),
        "a number has more than 307 digits",
    ),
    "a number of 4,000 digits": ("{{ " + "9" * 4_000 + " | plus: 1 }}", "a number has more than 307 digits"),
    "replacing nothing by much": ("{{ big | replace: '', big }}", "replace makes too long a text"),
    "joining by much": ("{{ csv | split: ',' | join: big }}", "join makes too long a text"),
    "a list's own words as a joint": (
        "{% assign l = csv | split: ',' %}{{ l | join: l }}",
        "join makes too long a text",
    ),
    "one output, often": (loop("{{ big }}", 100), "makes a text of more than 2 MB"),
    "many bytes a character": (loop("{{ emoji }}", 100), "makes a text of more than 2 MB"),
    "a table without end": (
        "{% tablerow i in (1..10000) cols: 1 %}xxxx{% endtablerow %}" * 20,
        WORK,
    ),
    "capturing, often": (loop("{% capture c %}" + "y" * 200_000 + "{% endcapture %}"), WORK),
    "capturing beside much": (
        loop("{{ big }}", 12) + "{% capture c %}" + loop("{{ big }}", 6) + "{% endcapture %}",
        "makes a text of more than 2 MB",
    ),
    "what differs from each other": (
        loop("{% assign l = csv | split: 'a' | uniq %}"),
        WORK,
    ),
    "a date padded": (
        "{{ 'now' | date: '" + "%0999999c" * 30 + "' }}",
        "date is given more than 200 characters",
    ),
    "a date of many words": ("{{ big | date: '%Y' }}", "date is given more than 200 characters"),
    "dates, often": (loop("{{ name | append: i | date: '%Y' }}"), WORK),
    "tags that never end": ("{{ tags | strip_html }}", WORK),
    "a round of names": (loop("{% cycle big, name %}"), WORK),
    "a wide escape": (loop("{% assign n = name | append: i | url_encode %}" * 9), WORK),
}

READ = {
    "plain tags": ("{{ name }}" * 100_000, TOKENS),
    "plain tags, and a long text": ("{{ name }}" * 100_001 + "x" * 100_000, "can have 1 MB at most"),
    "a long text with one": ("x" * (9 << 20) + "{{ name }}", "can have 1 MB at most"),
    "blocks in blocks": ("{% if name %}" * 5_000 + "{% endif %}" * 5_000, TOKENS),
    "blocks in blocks, fewer": (
        "{% if name %}" * 500 + "{% endif %}" * 500,
        "its blocks are nested too deeply",
    ),
    "100,000 tags": ("{{ a|upcase }}" * 70_000, TOKENS),
    "2 MB of text": ("x" * 2_000_000 + "{{ name | upcase }}", "can have 1 MB at most"),
    "or, or, or": ("{% if " + " or ".join(["name"] * 900) + " %}{% endif %}", "has too many parts"),
    "a path in a path": ("{{ name[name[name]] }}", "asks for a part of a text, which has none"),
    "a digit string": ("{{ " + "1" * 30_000 + " }}", "digits"),
    "blanks before a name": ("{{" + " " * 50_000 + "}}{% if name %}{% endif %}", BLANKS),
    "blanks after a tag's name": ("{% if" + " " * 50_000 + "name %}{% endif %}", BLANKS),
    "blanks of another kind": ("{%" + "\u2003" * 50_000 + "if name %}{% endif %}", BLANKS),
    "raw, never ended": ("{% comment %}" + "{% raw %}" * 90_000 + "{% endcomment %}", OPEN),
    "doc, never ended": ("{% comment %}" + "{% doc %}" * 90_000 + "{% endcomment %}", OPEN),
    "outputs, never ended": ("{% comment %}" + "{{ a " * 90_000 + "{% endcomment %}", UNENDED),
    "a name, never ended": ("{{ a }}{%" + "x" * 900_000, UNENDED),
    "a name and what follows, never ended": (
        "{% a | b %}{%" + "x" * 9_000 + (" " * 62 + "x") * 9_000,
        UNENDED,
    ),
    "blanks, never ended": ("{{ a | b }}{{" + " " * 63 + ("x" + " " * 62) * 14_000, UNENDED),
    "blanks within a tag, never ended": ("{{ a }}{% if " + ("x" + " " * 62) * 14_000, UNENDED),
    "behind what is raw": ("{% raw %}{{ {% endraw %}{{ '{% raw %}' }}{%" + "x" * 900_000, UNENDED),
    "brackets that may be ranges": ("{% if " + "(" * 30_000 + " %}{% endif %}", TOKENS),
    "brackets that may be keys": ("{{ name" + "['b" * 9_000 + " }}", TOKENS),
    "liquid in liquid": ("{% liquid " + "liquid " * 3_000 + "%}", "its blocks are nested too deeply"),
    "a file": ("{% include 'x' %}", "unexpected tag 'include'"),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize(("source", "words"), RENDERED.values(), ids=RENDERED)
@pytest.mark.parametrize("html", [False, True], ids=["text", "html"])
def test_it_fails_for_this_recipient(source: str, words: str, html: bool) -> None:
    template = parse_template(source, html=html)
    assert template is not None
    with pytest.raises(MergeError) as refusal:
        template.render(VALUES)
    assert words in str(refusal.value)
    assert len(str(refusal.value)) < 400


@pytest.mark.timeout(20)
@pytest.mark.parametrize(("source", "words"), READ.values(), ids=READ)
def test_it_cannot_be_read(source: str, words: str) -> None:
    for refused in (parse_template, lambda source: unknown_tags(source, list(VALUES))):
        with pytest.raises(MergeError) as refusal:
            refused(source)
        assert words in str(refusal.value)
        assert len(str(refusal.value)) < 400


@pytest.mark.parametrize("source", ["{{ (1..100000000) | sort | size }}", "{{ big }}" * 40])
def test_it_is_refused_at_its_field_before_it_is_accepted(source: str) -> None:
    content = Content(Address("a@b.example"), "Hi", text="Hi", html=source)
    (finding,) = check(content, list(VALUES), [Recipient("ann@b.example", "Ann", variables=VALUES)])
    assert finding[0] == "html" and finding[1].startswith("Tried for ann@b.example. ")


def test_a_subject_is_no_longer_for_one_recipient_than_for_all() -> None:
    content = Content(Address("a@b.example"), "{{ big }}", text="Hi")
    compiled = compile_message(content, "uid", datetime.now(UTC))
    assert b"Subject: Ann" in compiled.render(Address("ann@b.example"), {"big": "Ann"}, "<a@b>")
    with pytest.raises(MergeError, match=r"The subject has 128,000 characters for this recipient"):
        compiled.render(Address("ann@b.example"), VALUES, "<a@b>")
