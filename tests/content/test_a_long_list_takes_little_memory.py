from __future__ import annotations

import tempfile
import tracemalloc
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailroom import files
from mailroom.content.recipients import first_lines, spool
from mailroom.content.recipients.files import csv_encoding
from mailroom.content.recipients.files.list_file import parse_file
from mailroom.content.recipients.first_lines import FirstLines
from mailroom.content.recipients.parsed import merge
from mailroom.content.recipients.spool import Recipient, Recipients


@pytest.fixture(autouse=True)
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "MOST_IN_MEMORY", 100)
    monkeypatch.setattr(spool, "SPOOLED_AT_ONCE", 7)


@pytest.mark.parametrize("number", [0, 1, 100, 101, 105, 300])
def test_it_reads_as_the_list_that_it_is(number: int) -> None:
    people = [
        Recipient(f"p{n}@x.org", f"P {n}", {"n": n, "ok": True} if n % 3 else None) for n in range(number)
    ]
    kept = Recipients(people[:50])
    for one in people[50:60]:
        kept.append(one)
    kept.extend(people[60:])

    assert len(kept) == number and kept == people and list(kept) == people and bool(kept) is bool(people)
    for start, stop in ((0, 7), (3, 20), (95, 300), (-9, None), (None, None), (120, 2)):
        assert kept[start:stop] == people[start:stop]
    assert kept[::13] == people[::13] and kept != [*people, Recipient("x@x.org")]
    if people:
        assert (kept[0], kept[-1], kept[number // 2]) == (people[0], people[-1], people[number // 2])
    with pytest.raises(IndexError):
        kept[number]


def test_a_list_of_any_length_is_read_within_the_same_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "SPOOLED_AT_ONCE", 250)
    with tempfile.TemporaryFile() as file:
        file.write(b"email,note\n")
        for number in range(10_000):
            file.write(b"p%d@x.org,%s\n" % (number, b"x" * 3_000))
        tracemalloc.start()
        parsed = merge(parse_file(file))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert len(parsed.recipients) == 10_000 and (parsed.recipients[-1].variables or {})["note"] == "x" * 3_000
    assert peak < 9_000_000 < 10_000 * 3_000


def test_values_are_spooled_for_their_length_where_they_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "CHARACTERS_AT_ONCE", 100)
    made: list[IO[bytes]] = []

    def temporary_file() -> IO[bytes]:
        made.append(files.temporary_file())
        return made[-1]

    monkeypatch.setattr(spool, "temporary_file", temporary_file)
    people = [Recipient(f"p{number}@x.org") for number in range(40)]
    kept = Recipients()

    kept.extend(people, 40 * spool.CHARACTERS_EACH)
    assert not made
    kept.extend(people, 40 * spool.CHARACTERS_EACH + 1)
    assert made and kept == people + people


def test_a_list_of_very_many_is_held_by_digests_alone() -> None:
    with tempfile.TemporaryFile() as file:
        file.writelines(
            b"recipient-with-a-long-name-%d@people.example.org\n" % number for number in range(200_000)
        )
        tracemalloc.start()
        parsed = parse_file(file)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert len(parsed.recipients) == 200_000 and not parsed.duplicates
    assert peak < 20_000_000 < 200_000 * 150  # what a dict of them would take


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(1, 2**32 - 1)), max_size=30))
def test_the_first_line_of_each_is_known_of_many_as_of_few(
    rows: list[tuple[str, int]],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(first_lines, "MOST_WHOLE", 3)
        known, expected = FirstLines(), dict[str, int]()
        for key, line in rows:
            assert known.setdefault(key, line) == expected.setdefault(key, line)
        assert [known.get(key) for key in "abcdefghi"] == [expected.get(key, 0) for key in "abcdefghi"]
        assert ["a" in known, "i" in known] == ["a" in expected, False]


def test_a_duplicate_far_down_a_long_list_names_the_first_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(first_lines, "MOST_WHOLE", 300)
    lines = ["email", *(f"p{number}@x.org" for number in range(2_000)), "P7@X.org", "p1999@x.org"]
    with tempfile.TemporaryFile() as file:
        file.write("\n".join(lines).encode())
        parsed = parse_file(file)
    assert len(parsed.recipients) == 2_000
    assert [(one.line, one.message) for one in parsed.duplicates] == [
        (2002, "is on line 9 already"),
        (2003, "is on line 2001 already"),
    ]


def test_long_values_are_spooled_however_few_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with tempfile.TemporaryFile() as file:
        file.write(b"email,note\n")
        file.writelines(b"p%d@x.org,%s\n" % (number, b"x" * 100_000) for number in range(1_000))
        tracemalloc.start()
        parsed = parse_file(file)
        parts = [len(part) for part in parsed.recipients.parts()]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert len(parsed.recipients) == sum(parts) == 1_000 and parsed.recipients[999].address == "p999@x.org"
    assert [one.address for one in parsed.recipients[497:503]] == [f"p{n}@x.org" for n in range(497, 503)]
    assert peak < 25_000_000 < 1_000 * 100_000


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
@pytest.mark.parametrize("line", ["{}", "email\nann@x.org\n{}\r\nbob@x.org\n", "email\rann@x.org\r{}"])
def test_a_line_without_end_is_refused_before_it_is_read(
    monkeypatch: pytest.MonkeyPatch, encoding: str, line: str
) -> None:
    monkeypatch.setattr(csv_encoding, "LONGEST_LIST_LINE", 30_000)
    monkeypatch.setattr(csv_encoding, "DECODED_AT_ONCE", 1_000)
    for letter in ("x", "\u0a0a"):  # which has octets of line ends
        with tempfile.TemporaryFile() as file:
            file.write(line.format(letter * 29_000).encode(encoding))
            assert "characters" not in parse_file(file).refusal
        with tempfile.TemporaryFile() as file:
            file.write(line.format(letter * 31_000).encode(encoding))
            assert parse_file(file).refusal.startswith("This file is no list: it has over")


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_lines_without_number_are_refused_though_they_are_blank(
    monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr(csv_encoding, "MOST_LIST_LINES", 50)
    for blank, is_refused in ((47, False), (60, True)):
        with tempfile.TemporaryFile() as file:
            file.write(f"email{end}{end * blank}ann@x.org{end}".encode())
            parsed = parse_file(file)
            assert (bool(parsed.refusal), len(parsed.recipients)) == (is_refused, not is_refused)
