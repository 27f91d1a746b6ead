"""Reading what people give takes time in proportion to it, however it is made.

Measured by the CPU time of this thread, the best of several tries: eight times as much may take up to
thirty times as long. What looks at each thing once for each other takes sixty-four.
"""

from __future__ import annotations

import csv
import io
import resource
import time
from collections.abc import Callable
from functools import partial
from itertools import permutations
from typing import Any

import pytest

from mailroom.content.addresses import Address, AddressError, clean_name, parse_address
from mailroom.content.check import check
from mailroom.content.content import Attachment, Content
from mailroom.content.links.unsubscribe import UNSUBSCRIBE_TAG, purposed
from mailroom.content.merge.names import identifier
from mailroom.content.merge.tags import plain_pieces
from mailroom.content.message.headers import address_header, extra_header, text_header
from mailroom.content.recipients.columns import columns_of
from mailroom.content.recipients.files import workbook_reader
from mailroom.content.recipients.files.csv_file import parse_csv
from mailroom.content.recipients.files.csv_separator import separator_of
from mailroom.content.recipients.files.vcard import parse_vcard
from mailroom.content.recipients.parsed import MOST_COLUMNS, MOST_KEPT, Parsed, merge
from mailroom.content.recipients.pasted import parse_pasted
from mailroom.content.recipients.suggestions import suggested
from mailroom.content.recipients.table import AS_IT_IS
from mailroom.content.text.characters import misplaced
from mailroom.content.text.formulas import harmless, restored
from mailroom.content.text.references import unescaped
from mailroom.content.text.spooled_texts import SpooledText
from mailroom.content.writing.hidden_tags import HiddenTags
from mailroom.content.writing.pictures import with_pictures
from mailroom.web.api.body import written

SHORTEST = 0.01
"""Seconds: what takes less says little."""

MORE, MOST_TIMES = 8, 30


def csv_of(*rows: list[str]) -> io.BytesIO:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return io.BytesIO(text.getvalue().encode())


def address(text: str) -> None:
    try:
        parse_address(text)
    except AddressError:
        return


def columns(*names: str) -> Parsed:
    return Parsed(columns=list(names))


def content(**changes: Any) -> Content:
    usual: dict[str, Any] = {"sender": Address("a@b.example"), "subject": "s", "text": "t"}
    return Content(**usual | changes)


def waiting(number: int) -> dict[str, tuple[str, SpooledText]]:
    """Texts in a file, among others."""
    file = io.BytesIO(b"text")
    return {f"{n}": ("x" * 1_000, SpooledText(f"token {n:09}", 4, file, 0)) for n in range(number)}


def shown(number: int) -> Content:
    names = [f"{n}.png" for n in range(number)]
    html = "".join(f'<img src="{name}">' for name in names * 2)
    return content(html=html, attachments=[Attachment(name, "image/png", b"x") for name in names])


def tags(number: int) -> str:
    return " ".join(f"{{{{ tag{n} }}}}" for n in range(number))


GIVEN: dict[str, Callable[[int], Callable[[], object]]] = {
    "one heading again and again": lambda n: lambda: columns_of([["a@b", *["town"] * n]]),
    "headings that look numbered": lambda n: (
        lambda: columns_of([["email", *(f"a_{m % 99}" for m in range(n))]])
    ),
    "no headings": lambda n: lambda: columns_of([["a@b.example", *["x"] * n]]),
    "empty headings": lambda n: lambda: columns_of([["email", *[""] * n]]),
    "columns of several lists": lambda n: (
        lambda: merge(columns(*(f"a{m}" for m in range(n))), columns(*(f"b{m}" for m in range(n))))
    ),
    "a heading of underscores": lambda n: lambda: identifier("_" * n),
    "a heading of capitals": lambda n: lambda: identifier("aB" * n),
    "a heading of blanks": lambda n: lambda: identifier(" -" * n),
    "rows": lambda n: lambda: parse_csv(csv_of(["email"], *([f"a{m}@b.example"] for m in range(n)))),
    "rows that are bad": lambda n: lambda: parse_csv(csv_of(["email", "x"], *[["nobody", "y"]] * n)),
    "rows that are the same": lambda n: (
        lambda: parse_csv(csv_of(["email", "x"], *[["a@b.example", "y"]] * n))
    ),
    "rows that are too long": lambda n: lambda: parse_csv(csv_of(["email"], *[["a@b.c", "y"]] * n)),
    "rows with quotes left open": lambda n: lambda: parse_csv(io.BytesIO(b"email\n" + b'a"b,"x"y\n' * n)),
    "blank lines": lambda n: lambda: parse_csv(io.BytesIO(b"\n" * n)),
    "separators": lambda n: lambda: separator_of(',"' * n),
    "bad addresses": lambda n: lambda: parse_pasted("nobody\n" * n),
    "bad addresses in a line": lambda n: lambda: parse_pasted("nobody," * n),
    "quotes": lambda n: lambda: parse_pasted('"' * n + ","),
    "escapes": lambda n: lambda: parse_pasted('"\\' * n + ";"),
    "brackets": lambda n: lambda: parse_pasted("<" * n + ","),
    "brackets and quotes": lambda n: lambda: parse_pasted('<"' * n + ","),
    "soft line breaks of a vCard": lambda n: (
        lambda: parse_vcard(
            io.BytesIO(("BEGIN:VCARD\nN;QUOTED-PRINTABLE" + "é" * n + "=\n" * n).encode()), "utf-8", AS_IT_IS
        )
    ),
    "semicolons": lambda n: lambda: parse_pasted(";" * n),
    "commas": lambda n: lambda: parse_pasted("a," * n),
    "names without addresses": lambda n: lambda: parse_pasted("Lee, Ann; " * n),
    "carriage returns": lambda n: lambda: parse_pasted("\r" * n),
    "an address of dots": lambda n: lambda: address("." * n + "@b.example"),
    "an address of labels": lambda n: lambda: address("a@" + "b." * n + "example"),
    "an address of hyphens": lambda n: lambda: address("a@" + "-" * n + ".example"),
    "an address of at signs": lambda n: lambda: address("@" * n),
    "an address of brackets": lambda n: lambda: address("<" * n + "a@b.example" + ">" * n),
    "an address of quotes": lambda n: lambda: address('"' * n + "@b.example"),
    "a name of quotes": lambda n: lambda: clean_name('"' + '\\"' * n + '"'),
    "a name of blanks": lambda n: lambda: clean_name("a  " * n),
    "isolates": lambda n: lambda: misplaced("\u2067" * n + "\u2069" * n),
    "tags of a flag": lambda n: lambda: misplaced("\U0001f3f4" * n + "\U000e0061" * n),
    "zero width spaces": lambda n: lambda: misplaced("ក\u200b" * n),
    "separators for a spreadsheet": lambda n: lambda: harmless(";' \t" * n),
    "formulas for a spreadsheet": lambda n: lambda: restored([harmless(";=" * n)]),
    "a subject": lambda n: lambda: text_header("Subject", "é " * n),
    "a subject of one word": lambda n: lambda: text_header("Subject", "x" * n),
    "a header of blanks": lambda n: lambda: extra_header("X-Note", " " * n),
    "names in a header": lambda n: lambda: address_header("To", [Address("a@b.example", "é")] * n),
    "a name in a header": lambda n: lambda: address_header("To", [Address("a@b.example", "é " * n)]),
    "headers": lambda n: lambda: check(content(headers=[("X A", "b")] * n), []),
    "tags that nobody has": lambda n: lambda: check(content(text=tags(n)), [f"c{m}" for m in range(n)]),
    "tags that are opened only": lambda n: (
        lambda: purposed(content(html="{{" * n + UNSUBSCRIBE_TAG), None, 1)
    ),
    "tags that are ended only": lambda n: lambda: purposed(content(html="}" * n + UNSUBSCRIBE_TAG), None, 1),
    "tags named outside": lambda n: partial(purposed, content(html=f"{UNSUBSCRIBE_TAG}}}{{{{" * n), None, 1),
    "a tag of blanks": lambda n: lambda: plain_pieces("{{" + " " * n),
    "a tag of blanks that are letters": lambda n: lambda: plain_pieces("{{" + "\u2003" * n + "x"),
    "a name and blanks that are letters": lambda n: lambda: plain_pieces("{{a" + "\u00a0" * n + "{{"),
    "hidden tags of blanks": lambda n: lambda: HiddenTags(("{{" + "\u2003" * 140) * n, is_filled=False),
    "a number of a character": lambda n: lambda: unescaped("&#" + "9" * n + ";"),
    "zeros of a character": lambda n: lambda: unescaped("&#" + "0" * n),
    "pictures by their names": lambda n: partial(with_pictures, shown(n)),
    "texts that wait in a file": lambda n: partial(lambda value: [*map(len, written(value))], waiting(n)),
    "columns that nobody uses": lambda n: lambda: check(content(text=tags(1)), [f"c{m}" for m in range(n)]),
}


def seconds(act: Callable[[], object], enough: float = 0) -> float:
    """The least of three; of fewer, as soon as one takes no more than `enough`."""
    least = float("inf")
    for _ in range(3):
        began = time.thread_time()
        act()
        least = min(least, time.thread_time() - began)
        if least <= enough:
            break
    return least


@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
def test_eight_times_as_much_takes_no_thirty_times_as_long(
    given: Callable[[int], Callable[[], object]],
) -> None:
    number = 500
    while (before := seconds(given(number), enough=SHORTEST)) <= SHORTEST and number < 2_000_000:
        number *= 4
    assert number >= 2_000, "it is slow already"
    # Others at work make one of the two longer; a square stays one.
    for _ in range(3):
        most = max(MOST_TIMES * max(before, SHORTEST / MORE), SHORTEST)
        if (after := seconds(given(MORE * number), enough=most)) < most:
            break
        before = seconds(given(number))
    assert after < most


def test_a_list_keeps_its_first_mistakes_and_counts_all() -> None:
    many = 3 * MOST_KEPT
    for parsed in (
        parse_pasted("nobody\n" * many),
        parse_csv(io.BytesIO(b"email\n" + b"nobody@\n" * many)),
        merge(parse_pasted("nobody\n" * (many - 10)), parse_pasted("nobody\n" * 10)),
    ):
        assert (len(parsed.problems), parsed.problems.total) == (MOST_KEPT, many)
        assert parsed.problems[0].line in (1, 2)
    twice = parse_pasted("ann@example.org\n" * many).duplicates
    assert (len(twice), twice.total) == (MOST_KEPT, many - 1)


def test_escaped_quotes_are_not_each_looked_behind_for_long() -> None:
    """A megabyte of them took seven seconds."""
    assert seconds(lambda: parse_pasted('"\\' * 50_000 + ";"), enough=0.2) < 0.2


def test_domains_are_compared_only_with_those_that_they_may_be_meant_for() -> None:
    """100,000 of so many domains took ten seconds, in which nobody else's request went on."""
    letters = "bcdfjknpqrsvwxz"
    entries = [f"ann@{a}{b}{c}{a}{c}{b}{a}{c}.com" for a, b, c in permutations(letters, 3)]
    assert seconds(lambda: [suggested(entry) for entry in entries], enough=0.1) < 0.1
    assert suggested("ann@gogglemial.com") == "ann@googlemail.com"


def test_a_long_word_in_a_workbook_is_looked_through_once() -> None:
    """A cell as long as there may be took four seconds; fifteen were all that there are for a workbook."""
    cell = "a" * 32_000 + " @"
    assert seconds(lambda: workbook_reader._ADDRESS(cell), enough=0.01) < 0.01
    assert all(map(workbook_reader._ADDRESS, ("x a@b.cd", "a@b.c", "@ a@b.c")))
    assert not any(map(workbook_reader._ADDRESS, ("@b.c", "a@b", "a@,b.c", ",@b.c")))


def test_a_long_entry_keeps_no_way_back_in_memory() -> None:
    """Each letter of it took 130 octets, outside Python's count."""
    before = max_resident()
    parse_pasted("a" * 2_000_000 + ",;" + "b" * 2_000_000)
    assert max_resident() - before < 60_000


def max_resident() -> int:
    """Kilobytes, at this process' highest."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_a_file_has_so_many_columns() -> None:
    fits = csv_of(["email", *["town"] * (MOST_COLUMNS - 1)], ["a@b.example", *["x"] * (MOST_COLUMNS - 1)])
    parsed = parse_csv(fits)
    assert parsed.problems == [] and len(parsed.columns) == len(set(parsed.columns)) == MOST_COLUMNS - 1
    assert parsed.columns[:3] == ["town", "town_2", "town_3"]
    [problem] = parse_csv(csv_of(["email", *["town"] * MOST_COLUMNS], ["a@b.example"])).problems
    assert "1,001 columns, and 1,000 is the most" in problem.message


def test_few_tags_are_named_however_many_nobody_has() -> None:
    sentences = [words for _, words in check(content(text=tags(5_000)), [f"c{n}" for n in range(1_000)])]
    assert len(sentences) == 11 and sum(map(len, sentences)) < 10_000
    assert "And there are 4,990 more such tags." in sentences[-1]
