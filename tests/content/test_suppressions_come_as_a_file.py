"""A file of suppressions: judged as a whole, taken row by row, and never held."""

from __future__ import annotations

import tracemalloc
from collections import deque
from io import BytesIO

import pytest

from mailroom.content.suppressions.suppression_csv import (
    LONGEST_SUPPRESSION_LINE,
    judge_suppression_csv,
    suppressions_in,
)

REASONS = ("manual", "bounced")


def test_headings_in_any_order_and_none_at_all() -> None:
    file = BytesIO('\ufeffreason;Email;note\r\nbounced;Ann@mail.example;"a\r\nb"\r\n\r\n'.encode())
    assert judge_suppression_csv(file, REASONS) == (1, [])
    assert list(suppressions_in(file, REASONS)) == [("ann@mail.example", "", "", "bounced", "a b")]
    file = BytesIO(b"ann@mail.example\nbob@mail.example")
    assert judge_suppression_csv(file, REASONS).total == len(list(suppressions_in(file, REASONS))) == 2


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"", "no address"),
        (b"address\nann\n", "@-sign"),
        (b"address,list\nann@mail.example,digest\n", "name the sender, too"),
        (b"address\nann@mail.example\xff\n", "not UTF-8"),
        (b"address" + b",x" * LONGEST_SUPPRESSION_LINE, "more than 100,000 characters"),
        (b'address,note\na@mail.example,"' + b"x\n" * 200_000, "field larger"),
        (b'address,note\nann@mail.example,\nbob@mail.example,"x\ncem@mail.example,\n', "a quote left open"),
        (b'address,note\nann@mail.example,"x\nbob@mail.example,"y\n', "a quote left open"),
    ],
)
def test_what_is_wrong_is_told(octets: bytes, words: str) -> None:
    problems = judge_suppression_csv(BytesIO(octets), REASONS).problems
    assert words in problems[0][1]


def test_where_a_quote_was_left_open_is_told() -> None:
    """Who stood behind it was in its note, and was mailed."""
    file = BytesIO(b'address,note\n\nann@mail.example,\nbob@mail.example,"x\ncem@mail.example,\n')
    assert judge_suppression_csv(file, REASONS).problems[0][0] == 4


def test_a_street_is_no_address() -> None:
    file = BytesIO(b"Name,Email,Address\nAnn,ann@mail.example,\nBob,bob@mail.example,12 Mill Lane\n")
    assert judge_suppression_csv(file, REASONS) == (2, [])
    assert [row.address_key for row in suppressions_in(file, REASONS)] == [
        "ann@mail.example",
        "bob@mail.example",
    ]


def test_what_stands_behind_a_blank_may_be_quoted() -> None:
    file = BytesIO(b'address, note, reason\nann@mail.example, "no, never", bounced\n')
    assert list(suppressions_in(file, REASONS)) == [("ann@mail.example", "", "", "bounced", "no, never")]


def test_a_long_one_takes_no_memory() -> None:
    """Half a million took a web process 230 MB."""
    file = BytesIO(b"address\n" + b"".join(b"p%d@mail.example\n" % number for number in range(30_000)))
    tracemalloc.start()
    assert judge_suppression_csv(file, REASONS).total == 30_000
    deque(suppressions_in(file, REASONS), maxlen=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_500_000
