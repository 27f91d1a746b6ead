"""vCards: as Apple, Google, Outlook and old phones write them."""

from __future__ import annotations

import io
import time
import tracemalloc

import pytest

from mailroom.content.recipients.files.list_file import parse_file
from mailroom.content.recipients.parsed import Parsed

APPLE = """BEGIN:VCARD
VERSION:3.0
PRODID:-//Apple Inc.//macOS 15//EN
N:Lee;Ann;;Dr.;
FN:Dr. Ann Lee
ORG:Acme\\, Inc.;Sales
item1.EMAIL;type=INTERNET;type=pref:ann@x.org
item1.X-ABLabel:_$!<Other>!$_
EMAIL;type=INTERNET;type=HOME:ann@home.example
TEL;type=CELL:+41 79 123
BDAY:1990-02-03
PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQ
 SkZJRg==
NOTE:two\\nlines
END:VCARD
"""
OLD = """BEGIN:VCARD
VERSION:2.1
N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=C3=A9r=
=C3=B4me;;;
FN;ENCODING=QUOTED-PRINTABLE;CHARSET=ISO-8859-1:J=E9r=F4me M=FCller
EMAIL;PREF;INTERNET:jerome@x.org
END:VCARD
"""
NEW = """begin:vcard
version:4.0
fn:Zoë
n:;Zoë;;;
email;pid=1.1;x="a:b;c":zoe@
 x.org
tel;value=uri:tel:+1-555
bday:19900203T000000
end:vcard
"""


def read(text: str, encoding: str = "utf-8") -> Parsed:
    return parse_file(io.BytesIO(text.encode(encoding)))


def test_people_have_names_and_each_of_their_addresses() -> None:
    parsed = read(APPLE + "\n" + OLD + NEW)
    assert [(one.address, one.name) for one in parsed.recipients] == [
        ("ann@x.org", "Dr. Ann Lee"),
        ("ann@home.example", "Dr. Ann Lee"),
        ("jerome@x.org", "Jérôme Müller"),
        ("zoe@x.org", "Zoë"),
    ]
    ann, _, jerome, zoe = [one.variables or {} for one in parsed.recipients]
    assert ann == {
        "first_name": "Ann",
        "last_name": "Lee",
        "organization": "Acme, Inc., Sales",
        "title": "",
        "phone": "+41 79 123",
        "birthday": "1990-02-03",
    }
    assert (jerome["first_name"], zoe["phone"], zoe["birthday"]) == ("Jérôme", "+1-555", "1990-02-03")
    assert parsed.problems == []


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_in_any_unicode_with_line_ends_of_any_kind(encoding: str) -> None:
    for end in ("\r\n", "\r"):
        assert len(read(APPLE.replace("\n", end), encoding).recipients) == 2


def test_a_damaged_card_costs_itself_alone() -> None:
    broken = "BEGIN:VCARD\nFN:Nobody\nEMAIL:nobody\nEND:VCARD\nBEGIN:VCARD\nFN:Cut\nEMAIL:cut@x.org\n"
    parsed = read(broken + "BEGIN:VCARD\nFN:No mail\nEND:VCARD\nrubbish\n\n" + NEW)
    assert [one.address for one in parsed.recipients] == ["zoe@x.org"]
    assert [(problem.line, problem.text) for problem in parsed.problems] == [(1, "nobody"), (8, "")]
    assert "No mail" in parsed.problems[1].message


@pytest.mark.parametrize("line", ["A" + ";" * 1_000_000, "N:" + "\\;" * 500_000, "X;" + '"' * 1_000_000])
def test_a_long_line_takes_little_memory_and_costs_nobody_else(line: str) -> None:
    text = f"BEGIN:VCARD\n{line}\nEMAIL:ann@x.org\nEND:VCARD\n"
    tracemalloc.start()
    parsed = read(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [one.address for one in parsed.recipients] == ["ann@x.org"] and peak < 20_000_000


def test_somebody_with_very_many_addresses_is_read_in_linear_time() -> None:
    addresses = "".join(f"EMAIL:p{number}@x.org\n" for number in range(100_000))
    began = time.thread_time()
    assert len(read(f"BEGIN:VCARD\n{addresses}END:VCARD\n").recipients) == 100_000
    assert time.thread_time() - began < 15
