"""Plan of a preflight: a letter, and the rows of those whom it goes to."""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from operator import itemgetter

from mailroom.content.content import Content
from mailroom.content.preflight.kinds import Kind
from mailroom.content.preflight.tally import Odd, Tally
from mailroom.content.recipients.parsed import Parsed, Problem, Recipient


@dataclass(frozen=True, slots=True)
class PreflightPlan:
    """`rows`: of each recipient, from 1. `known`: whom reading the list has left out already.
    `has_template`: each of them must have a value for each tag.
    """

    content: Content
    recipients: Sequence[Recipient]
    columns: Sequence[str] = ()
    rows: Sequence[int] = ()
    known: Tally = field(default_factory=Tally)
    has_template: bool = False


def plan_of(content: Content, parsed: Parsed, *, has_template: bool = False) -> PreflightPlan:
    """Of a list as it was read: a row is a recipient's place among all entries, whatever became of them."""
    places, people, columns = parsed.places_of_recipients(), parsed.recipients, parsed.columns
    known = Tally()
    left_out: list[tuple[int, int, str]] = []
    for which, kind in enumerate(LEFT_OUT):
        is_bad = kind is Kind.BAD_ADDRESS
        problems = parsed.problems if is_bad else parsed.duplicates
        # A duplicate's message counts the lines of a file, its heading among them; rows here are recipients.
        words = map(_words, problems) if is_bad else (f"“{problem.text}”" for problem in problems)
        examples = chain(words, repeat("", problems.total - len(problems)))
        left_out += zip(problems.places, repeat(which), examples, strict=False)
    if not left_out:
        every_row = range(1, len(places) + 1)
        return PreflightPlan(content, people, columns, every_row, known, has_template)
    left_out.sort(key=itemgetter(0))
    rows = array("q")  # of a million recipients some megabytes
    for row, (_, which, example) in enumerate(_by_place(places, left_out), 1):
        if which < 0:
            rows.append(row)
        else:
            known.note(Odd(LEFT_OUT[which]), row, example)
    return PreflightPlan(content, people, columns, rows, known, has_template)


def _by_place(
    places: Iterable[int], left_out: Iterable[tuple[int, int, str]]
) -> Iterator[tuple[int, int, str]]:
    """All entries in their order. Of two on one line, those who get it first."""
    return heapq.merge(((place, -1, "") for place in places), left_out, key=itemgetter(0))


LEFT_OUT = (Kind.BAD_ADDRESS, Kind.DUPLICATE)


def plan_of_given(
    content: Content, given: Iterable[Recipient | Problem], columns: Sequence[str]
) -> PreflightPlan:
    """Of recipients in the order in which a program gave them; a Problem stands for one that is none."""
    known, recipients, rows, seen = Tally(), list[Recipient](), list[int](), set[str]()
    for row, one in enumerate(given, 1):
        if isinstance(one, Problem):
            known.note(Odd(Kind.BAD_ADDRESS), row, _words(one))
        elif one.key in seen:
            known.note(Odd(Kind.DUPLICATE), row, one.address)
        else:
            seen.add(one.key)
            recipients.append(one)
            rows.append(row)
    return PreflightPlan(content, recipients, columns, rows, known)


def _words(problem: Problem) -> str:
    return f"“{problem.text}” ({problem.message.removesuffix('.')})" if problem.text else problem.message
