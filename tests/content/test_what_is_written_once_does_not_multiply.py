"""A merge tag, or a row, that stands for many places is not written out for each without end."""

from __future__ import annotations

import io

import pytest

from mailroom.content.merge.plain import MergeError
from mailroom.content.recipients import table
from mailroom.content.recipients.cells import PARTS_LOOKED_AT, holds_address
from mailroom.content.recipients.files import workbook
from mailroom.content.recipients.files.csv_file import parse_csv
from mailroom.content.recipients.files.list_file import parse_file
from mailroom.content.templates import slots
from mailroom.content.templates.own_texts import OwnTexts, filled_with, said_with
from mailroom.content.templates.template_letter import TemplateLetter
from mailroom.content.writing.converter import NotConverted
from mailroom.content.writing.inlining import inlined
from mailroom.content.writing.written import Format, WrittenLetter
from tests.content.workbooks import row, rows, xlsx

LONG_TAG = "{{ '" + "x" * 20_000 + "' }}"
TIMES = 2_000

MJML = (
    f'<mjml><mj-head><mj-attributes><mj-text color="{LONG_TAG}" /></mj-attributes></mj-head>'
    f"<mj-body><mj-section><mj-column>{'<mj-text>a</mj-text>' * TIMES}</mj-column></mj-section></mj-body>"
    "</mjml>"
)


@pytest.mark.parametrize(
    ("format", "source"),
    [(Format.MARKDOWN, f"[a]: <{LONG_TAG}>\n\n{'[a] ' * TIMES}"), (Format.MJML, MJML)],
)
def test_a_long_tag_does_not_stand_in_thousands_of_places(format: Format, source: str) -> None:
    """120 kB of it took three gigabytes of the web process."""
    with pytest.raises(NotConverted, match="too long to stand in so many places"):
        WrittenLetter(format, source).made()


def test_a_rule_with_a_long_tag_is_not_inlined_everywhere() -> None:
    html = f"<style>p {{ color: {LONG_TAG} }}</style>{'<p>a</p>' * TIMES}"
    assert inlined(html) == html


def test_a_short_tag_may_stand_everywhere() -> None:
    html = inlined(f"<style>p {{ color: {{{{ COLOUR }}}} }}</style>{'<p>a</p>' * TIMES}")
    assert html.count("{{ COLOUR }}") == TIMES


SLOT = "{% slot content %}{% endslot %}"


@pytest.mark.parametrize(
    "html",
    [
        SLOT * 50,
        f"{{% for n in (1..9999) %}}{SLOT}{{% endfor %}}",
        f"{{% capture a %}}{SLOT}{{% endcapture %}}{'{{ a }}' * 50}",
    ],
    ids=["slots", "a loop", "a variable"],
)
def test_a_letter_does_not_stand_in_thousands_of_slots(monkeypatch: pytest.MonkeyPatch, html: str) -> None:
    """100 kB of it took a gigabyte of the web process, and a megabyte ten."""
    monkeypatch.setattr(slots, "MOST_STANDING_AGAIN", 1_000_000)
    template, long, short = TemplateLetter(subject="Hello", html=html), "x" * 100_000, "x" * 50
    with pytest.raises(MergeError, match="too long to stand in so many slots"):
        filled_with(template, OwnTexts(html=long), {})
    filled_with(template, OwnTexts(html=short), {})
    said_with(template, OwnTexts(html=short))
    if "for" not in html and "capture" not in html:
        with pytest.raises(MergeError, match="too long to stand in so many slots"):
            said_with(template, OwnTexts(html=long))


def test_a_long_letter_may_stand_once() -> None:
    long = "x" * (slots.MOST_STANDING_AGAIN + 1)
    assert filled_with(TemplateLetter(subject="Hello", html=SLOT), OwnTexts(html=long), {}).html == long


def addresses(count: int) -> str:
    return "; ".join(f"a{number}@mail.example" for number in range(count))


@pytest.mark.parametrize("heading", ["note", "name"])
def test_what_stands_beside_many_addresses_is_not_copied_for_each(
    monkeypatch: pytest.MonkeyPatch, heading: str
) -> None:
    """A row of 250 kB became half a gigabyte of deliveries, and its name took ten seconds to read."""
    monkeypatch.setattr(table, "MOST_COPIED", 1_000_000)
    file = f'email,{heading}\n"{addresses(1_000)}","{"x  " * 1_000}"\n'
    parsed = parse_csv(io.BytesIO(file.encode()))
    assert not parsed.recipients and "Too many addresses stand in one cell" in parsed.refusal
    short = f'email,{heading}\n"{addresses(1_000)}",Ann\n'
    assert len(parse_csv(io.BytesIO(short.encode())).recipients) == 1_000
    few = f'email,{heading}\n"{addresses(3)}","{"x  " * 1_000}"\n'
    assert len(parse_csv(io.BytesIO(few.encode())).recipients) == 3


def test_empty_cells_of_a_workbook_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rows have none at their ends, so a few megabytes made a billion values."""
    monkeypatch.setattr(table, "MOST_LACKING", 100)
    wide = rows(("email", *"abcdefghijklmnopqrstuvwxy"), *((f"a{n}@mail.example",) for n in range(100)))
    parsed = parse_file(io.BytesIO(xlsx({"People": wide})))
    assert "lack more than 100 cells" in parsed.refusal
    monkeypatch.setattr(table, "MOST_LACKING", 100 * 25 // workbook.EMPTY_AS_LACKING)
    assert len(parse_file(io.BytesIO(xlsx({"People": wide}))).recipients) == 100


def test_a_cell_of_no_addresses_is_not_looked_through_again_and_again() -> None:
    """A megabyte of `@;` in one cell took ten seconds, most of it to find the column of addresses."""
    assert holds_address("x@; " * (PARTS_LOOKED_AT - 1) + "a@mail.example")
    assert not holds_address("x@; " * PARTS_LOOKED_AT + "a@mail.example")


def test_merged_cells_are_not_filled_without_end() -> None:
    """70 kB of a workbook became half a gigabyte of values."""
    height = 2_500
    people = (row(number, f"a{number}@mail.example") for number in range(3, height))
    cells = row(1, "email", *"b" * 20) + row(2, *["x" * 3_000] * 21) + "".join(people)
    merged = "".join(f'<mergeCell ref="{letter}2:{letter}{height}"/>' for letter in "BCDEFGHIJKLMNOPQRSTU")
    after = f'<mergeCells count="20">{merged}</mergeCells>'
    parsed = parse_file(io.BytesIO(xlsx({"People": cells}, after=after)))
    assert "far larger inside than it looks" in parsed.refusal
