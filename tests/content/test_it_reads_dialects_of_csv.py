"""CSV of many dialects, and cells as they are pasted: one list of people, whatever it is written in."""

from __future__ import annotations

import io

import pytest

from mailroom.content.recipients.files.list_file import parse_file
from mailroom.content.recipients.parsed import Recipient
from mailroom.content.recipients.pasted_cells import parse_typed
from mailroom.content.recipients.table import Wishes

TABLE = [("E-Mail", "Name", "Stadt"), ("ann@x.org", "Lee, Ann; A.", "Zürich"), ("bob@x.org", "Bob", "Genf")]
PEOPLE = [
    Recipient("ann@x.org", "Lee, Ann; A.", {"stadt": "Zürich"}),
    Recipient("bob@x.org", "Bob", {"stadt": "Genf"}),
]


def written(separator: str, end: str = "\n", quote: str = '"') -> str:
    return "".join(separator.join(f"{quote}{cell}{quote}" for cell in row) + end for row in TABLE)


DIALECTS = {
    "Excel, CSV UTF-8 of a German one": ("\ufeff" + written(";", "\r\n")).encode(),
    "Excel, Unicode text": written("\t", "\r\n", "").encode("utf-16"),
    "Excel, with the separator told": ("sep=|\r\n" + written("|", "\r\n")).encode(),
    "an odd separator told": ("sep=%\n" + written("%")).encode(),
    "bars without quotes": written("|", quote="").encode(),
    "carets": written("^").encode(),
    "colons": written(":").encode(),
    "tildes without quotes": written("~", quote="").encode(),
    "Mac of old": written(",", "\r").encode(),
    "empty lines": ("\n\n" + written(",", "\n\n")).encode(),
    "a title with another separator": ("Gäste, Mai\n" + written(";")).encode(),
    "lines of separators": (written(";") + ";;\n;;\n").encode(),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_same_people(dialect: str) -> None:
    parsed = parse_file(io.BytesIO(DIALECTS[dialect]))
    assert parsed.recipients == PEOPLE and parsed.problems == []


@pytest.mark.parametrize("encoding", ["cp1252", "mac-roman", "cp1250", "utf-16-be", "utf-8-sig"])
def test_the_same_people_in_the_encoding_that_was_chosen(encoding: str) -> None:
    data = io.BytesIO(written(";").encode(encoding))
    assert parse_file(data, Wishes(encoding=encoding)).recipients == PEOPLE


def test_japanese_of_excel() -> None:
    data = io.BytesIO("メールアドレス,氏名\r\nann@x.org,山田 太郎\r\n".encode("cp932"))
    assert parse_file(data, Wishes(encoding="cp932")).recipients == [
        Recipient("ann@x.org", "山田 太郎", {"氏名": "山田 太郎"})
    ]


CELLS = "\n".join("\t".join(row) for row in TABLE)


@pytest.mark.parametrize(
    "text", [CELLS, CELLS.replace("\n", "\r\n") + "\r\n", "\n\n" + CELLS.replace("\n", "\n\n")]
)
def test_tabs_of_a_pasted_range_become_columns(text: str) -> None:
    parsed = parse_typed(text)
    assert parsed.recipients == PEOPLE and parsed.columns == ["stadt"]


def test_a_pasted_range_without_headings_with_lines_in_a_cell_and_with_a_bad_address() -> None:
    parsed = parse_typed('Ann\tann@x.org\t"two\nlines"\nBob\tnobody\t\n\t\t\nCleo\tcleo@x.org\t')
    assert [(one.address, (one.variables or {})["column_1"]) for one in parsed.recipients] == [
        *(("ann@x.org", "Ann"), ("cleo@x.org", "Cleo")),
    ]
    assert (parsed.recipients[0].variables or {})["column_3"] == "two\nlines"
    assert [(problem.line, problem.text) for problem in parsed.problems] == [(3, "nobody")]


def test_a_quote_in_a_pasted_cell_swallows_no_one() -> None:
    parsed = parse_typed('"The Boss" Lee\tann@x.org\n"Bob\tbob@x.org\nCleo\tcleo@x.org')
    assert len(parsed.recipients) == 3


def test_a_pasted_list_without_tabs_is_read_as_ever() -> None:
    assert parse_typed("Ann <ann@x.org>, bob@x.org\n\tcleo@x.org\t\n").recipients == [
        *(Recipient("ann@x.org", "Ann"), Recipient("bob@x.org"), Recipient("cleo@x.org")),
    ]


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_pasted_cell_that_is_too_long_costs_its_row_alone(quote: str) -> None:
    long = f'bob@x.org\t{"x" * 200_000} "\n'
    parsed = parse_typed(f"email\tnote\nann@x.org\t{quote}a\n{long}cid@x.org\tc\n")
    assert [one.address for one in parsed.recipients] == ["ann@x.org", "cid@x.org"]
    [problem] = parsed.problems
    assert problem.line == 3 and "cannot be read" in problem.message
