from __future__ import annotations

import tempfile
import tracemalloc

import pytest

from mailroom.content.recipients import spool
from mailroom.content.recipients.list_file import parse_file
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
