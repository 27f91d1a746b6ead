from __future__ import annotations

import io
import tempfile
import tracemalloc

import pytest

from mailroom.content.recipients.files.csv_file import parse_csv
from mailroom.content.recipients.parsed import Parsed, Recipient


def read(text: str, encoding: str = "utf-8") -> Parsed:
    return parse_csv(io.BytesIO(text.encode(encoding)))


def test_other_columns_are_kept_as_variables() -> None:
    parsed = read("E-Mail,Name,First Name,zipCode\nann@x.org,Ann Lee,Ann, 8000 \nbob@x.org,Bob Roe,Bob,\n")

    assert parsed.columns == ["first_name", "zip_code"]
    assert parsed.recipients == [
        Recipient("ann@x.org", "Ann Lee", {"first_name": "Ann", "zip_code": "8000"}),
        Recipient("bob@x.org", "Bob Roe", {"first_name": "Bob", "zip_code": ""}),
    ]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"]
)
def test_it_finds_the_encoding(encoding: str) -> None:
    parsed = read("email,city\nann@x.org,Zürich\n", encoding)

    assert parsed.recipients == [Recipient("ann@x.org", "", {"city": "Zürich"})]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_it_finds_the_separator(separator: str) -> None:
    parsed = read(f'name{separator}email\n"Lee{separator} Ann"{separator}ann@x.org\n')

    assert parsed.recipients == [
        Recipient("ann@x.org", f"Lee{separator} Ann".replace("\t", " ").replace("  ", " "))
    ]


def test_the_address_column_is_found_by_what_it_holds() -> None:
    assert read("address,contact\n1 Main St,ann@x.org\n").recipients[0].address == "ann@x.org"
    assert read("contact,since\nann@x.org,2020\n").columns == ["since"]


def test_a_file_without_headings() -> None:
    parsed = read("ann@x.org,Ann\nbob@x.org,Bob\n")

    assert parsed.columns == ["column_2"]
    assert [recipient.address for recipient in parsed.recipients] == ["ann@x.org", "bob@x.org"]


def test_headings_become_free_and_valid_tags() -> None:
    parsed = read("email,Name,name,email,2024,Empty,,Straße\na@x.org,A,b,c,d,e,f,g\n")

    assert parsed.columns == ["name_2", "email_2", "column_2024", "column_empty", "column_7", "straße"]


def test_bad_rows_are_listed_with_their_line() -> None:
    parsed = read(
        'email,note\nann@x.org,"two\nlines"\nnobody,x\n\nbob@x.org,a,b\n,\n,note\nANN@x.org,\neve@x.org\n'
    )

    assert [recipient.address for recipient in parsed.recipients] == ["ann@x.org", "eve@x.org"]
    assert [(problem.line, problem.text) for problem in parsed.problems] == [
        (4, "nobody"),
        (6, "bob@x.org, a, b"),
        (8, ""),
    ]
    assert [(entry.line, entry.message) for entry in parsed.duplicates] == [(9, "is on line 2 already")]


def test_an_open_quote_swallows_no_one_silently() -> None:
    parsed = read('email,name\nann@x.org,"Ann\nbob@x.org,Bob\n')

    assert [problem.line for problem in parsed.problems] == [2]


def test_a_file_without_addresses_says_so() -> None:
    assert "No column holds e-mail addresses" in read("a,b\n1,2\n").problems[0].message
    assert read("").recipients == read("\n\n").recipients == []


def test_excels_first_line_is_skipped() -> None:
    assert read("sep=;\nemail;x\nann@x.org;1\n").recipients == [Recipient("ann@x.org", "", {"x": "1"})]


def test_a_cell_with_line_breaks_cannot_break_a_name() -> None:
    assert read('email,name\nann@x.org,"Ann\r\nBcc: eve@x.org"\n').recipients[0].name == "Ann Bcc: eve@x.org"


def test_binary_rubbish_is_refused_in_words() -> None:
    parsed = parse_csv(io.BytesIO(bytes(range(256)) * 50))

    assert parsed.recipients == [] and parsed.problems


def test_the_file_is_not_held_as_a_whole() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"email,note\n")
        for _ in range(2_000):
            file.write(b"ann@x.org," + b"x" * 5_000 + b"\n")
        tracemalloc.start()
        parsed = parse_csv(file)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert not file.closed

    assert len(parsed.recipients) == 1
    assert peak < 5_000_000 < 10_000_000


def test_lines_and_order_are_kept_however_many_rows_are_read_at_once() -> None:
    rows = {line: f"p{line}@x.org,Town {line}" for line in range(2, 1_002)}
    rows |= {
        400: "nobody,x",
        401: 'x@x.org,"a"b',
        402: "p3@x.org,again",
        750: "a@x.org,b,c",
        900: "P402@X.ORG,",
    }
    parsed = read("email,city\n" + "\n".join(rows.values()) + "\n")

    assert [problem.line for problem in parsed.problems] == [400, 401, 750]
    assert [(entry.line, entry.message) for entry in parsed.duplicates] == [(402, "is on line 3 already")]
    assert [recipient.address for recipient in parsed.recipients] == [
        row.partition(",")[0].replace("X.ORG", "x.org")
        for line, row in rows.items()
        if line not in (400, 401, 402, 750)
    ]
    assert parsed.recipients[-1] == Recipient("p1001@x.org", "", {"city": "Town 1001"})
