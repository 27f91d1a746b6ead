"""What people's programs export: Google's contacts, bars between cells, files that are no lists."""

from __future__ import annotations

import gzip
import io
import random
import zipfile

import pytest

from mailroom.content.recipients.files.list_file import parse_file
from mailroom.content.recipients.parsed import Parsed

GOOGLE = "First Name,Middle Name,Last Name,Notes,Labels,E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Value"


def read(*lines: str) -> Parsed:
    return parse_file(io.BytesIO("\n".join(lines).encode()))


def zipped(*names: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name in names:
            archive.writestr(name, "x" * 50)
    return data.getvalue()


@pytest.mark.parametrize("notes", ["", "write to old@x.org", "old@x.org"])
@pytest.mark.parametrize("number", [25, 700])
def test_google_s_contacts_without_mail_stand_first(number: int, notes: str) -> None:
    parsed = read(
        GOOGLE,
        *(f"P{n},,Q,{notes},* myContacts,,,+41 {n}" for n in range(number)),
        "Ann,,Lee,,* myContacts ::: * starred,* Work ::: Home,ann@x.org ::: ann@home.example,+41 1",
    )
    assert [one.address for one in parsed.recipients] == ["ann@x.org", "ann@home.example"]
    assert {(one.variables or {})["first_name"] for one in parsed.recipients} == {"Ann"}
    assert parsed.problems.total == number
    assert parsed.problems[0].line == 2 and "no address: P0, Q" in parsed.problems[0].message
    assert "e_mail_1_label" in parsed.columns and "e_mail_1_value" not in parsed.columns


def test_a_column_without_a_telling_heading_is_found_however_late_it_begins() -> None:
    parsed = read("who,where", *(f"P{n},-" for n in range(100)), "Ann,ann@x.org")
    assert [one.address for one in parsed.recipients] == ["ann@x.org"] and parsed.problems.total == 100


def test_each_address_of_a_cell_is_judged_by_itself_and_mailed_once() -> None:
    parsed = read(
        "email,city", "ann@x.org ::: nobody ::: ANN@x.org:::bob@x.org,Rome", "bob@x.org ::: eve@x.org,Bern"
    )
    assert [(one.address, (one.variables or {})["city"]) for one in parsed.recipients] == [
        *(("ann@x.org", "Rome"), ("bob@x.org", "Rome"), ("eve@x.org", "Bern")),
    ]
    assert [(problem.line, problem.text) for problem in parsed.problems] == [(2, "nobody")]
    assert [(twice.line, twice.text) for twice in parsed.duplicates] == [(3, "bob@x.org")]


def test_bars_stand_between_cells() -> None:
    parsed = read("name|email|city", "Lee, Ann|ann@x.org|Rome; Italy")
    (one,) = parsed.recipients
    assert (one.name, one.address, one.variables) == ("Lee, Ann", "ann@x.org", {"city": "Rome; Italy"})


RANDOM = random.Random(1)
NO_LISTS = {
    "Excel workbook": zipped("[Content_Types].xml", "xl/workbook.xml"),
    "Word document": zipped("word/document.xml"),
    "OpenDocument": zipped("mimetype", "content.xml"),
    "Numbers": zipped("Index/Document.iwa"),
    "ZIP archive": zipped("list.csv"),
    "a ZIP archive": b"PK\x03\x04 and then nothing",
    "old Excel": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
    "PDF": b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\n",
    "picture": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "compressed archive": gzip.compress(b"email\nann@x.org\n"),
    "RTF": b"{\\rtf1\\ansi ann@x.org}",
    "web page": b"\xef\xbb\xbf  <!DOCTYPE html><table><tr><td>ann@x.org</td></tr></table>",
    "XML": b'<?xml version="1.0"?><Workbook></Workbook>',
    "a mail": b"Received: from x\r\nTo: ann@x.org\r\n\r\nHi\r\n",
    "binary": RANDOM.randbytes(5_000),
    "no text": b"\x7fELF\x02\x01\x01" + bytes(500) + b"ann@x.org",
}


@pytest.mark.parametrize("kind", NO_LISTS)
def test_a_file_that_is_no_list_is_named_with_what_to_do(kind: str) -> None:
    parsed = parse_file(io.BytesIO(NO_LISTS[kind]))

    assert kind in parsed.refusal and "CSV" in parsed.refusal
    assert parsed.recipients == [] and parsed.problems.total == 1
    assert parsed.problems[0].text == "" and parsed.refusal.isprintable()


@pytest.mark.parametrize(
    "octets",
    [
        b"PK,email\nx,ann@x.org\n",
        b"email\nann@x.org\n\x1a",
        b"email,n\nann@x.org,\x0b\n",
        b"From,email\nx,ann@x.org\n",
    ],
)
def test_a_list_that_only_begins_like_one_is_still_read(octets: bytes) -> None:
    assert parse_file(io.BytesIO(octets)).refusal == ""
