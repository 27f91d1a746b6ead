from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import chain, islice

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailroom.content.addresses import all_plain, clean_name, clean_names, parse_plain
from mailroom.content.recipients.files import csv_file, line_blocks
from mailroom.content.recipients.files.csv_separator import LINES_LOOKED_AT, separator_of
from mailroom.content.recipients.files.line_blocks import LineBlocks
from mailroom.content.recipients.parsed import Parsed
from mailroom.content.text.formulas import restored

MOST = "a" * 64
LOCALS = st.sampled_from(
    ["ann", "Ann.Lee", "a..b", ".a", "a.", MOST, f"{MOST}a", f"{MOST}.b", "", "x y", "ü", '"a b"', "a\nb"]
)
DOMAINS = st.sampled_from(
    ["x.org", "X.Org", "x.local", "xn--mnchen-3ya.de", "ab--c.org", "-a.org", "a-.org", "org", "", "x.org\n"]
)
TEXTS = st.one_of(
    st.builds("{}@{}".format, LOCALS, DOMAINS),
    st.text("a@.-\nZ", max_size=9),
    st.just("ann@" + "a" * 60 + ".example" * 30 + ".org"),
)


@given(st.lists(TEXTS, max_size=6))
@example(["ann@x.org", "Bob.Lee@Mail.Example"])
@example(["a\nb@x.org", "c@x.org"])
def test_addresses_are_plain_together_where_each_is(texts: list[str]) -> None:
    each = [parse_plain(text) for text in texts]

    together = all_plain(texts)

    assert together is None if None in each else list(together or ()) == each


@given(st.lists(st.text('aé "\\|\u200b\ufeff\t\n\u00a0\u202e', max_size=6), max_size=6))
@example([" Ann ", "Lee"])
@example(["a ", " b"])
def test_names_are_cleaned_together_as_each(names: list[str]) -> None:
    assert list(clean_names(names)) == list(map(clean_name, names))


CELLS = st.text("ab@;,\"' \r\n=", max_size=5)
FILES = st.one_of(
    st.lists(CELLS, max_size=40).map("".join),
    st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=30).map(lambda rows: written(rows)),
    st.integers(0, 80).map(lambda number: "a@x.org,'=b\n" * number),
)


def written(rows: list[list[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()


def one_by_one(text: str) -> Iterator[tuple[int, list[str]]]:
    """Rows as the csv module reads them, an unreadable one as none."""
    lines = io.StringIO(text, newline="").readlines()
    separator, skipped = "", 0
    while lines and (not lines[0].strip("\r\n") or lines[0].lower().startswith("sep=")):
        separator = lines.pop(0).rstrip("\r\n")[4:5] or separator
        skipped += 1
    separator = separator or separator_of(lines[: max(LINES_LOOKED_AT - skipped, 0)])
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    while True:
        line = skipped + reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield line, []
        else:
            if any(row):
                yield line, restored(row)


@given(FILES, st.integers(1, 60))
@example('a@x.org,"b\nc"\n' * 9, 20)
@example("a@x.org,b\r\n" * 9, 10)
@example('email,x\n"a\nb,c\nd,e\n', 8)
def test_rows_are_the_same_in_blocks_of_any_size(text: str, size: int) -> None:
    parsed = Parsed()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_blocks, "BLOCK_READ", size)
        data = io.BytesIO(text.encode())
        found = list(csv_file._rows(data, "utf-8", parsed))
    unreadable = [(problem.line, list[str]()) for problem in parsed.problems]

    assert sorted([*found, *unreadable]) == sorted(one_by_one(text))
    assert found == sorted(found) and data.tell() == 0


@given(st.text("ab\r\n", max_size=30), st.integers(1, 9), st.integers(0, 5))
def test_lines_are_those_of_the_file(text: str, size: int, first: int) -> None:
    expected = io.StringIO(text, newline="").readlines()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_blocks, "BLOCK_READ", size)
        lines = LineBlocks(io.StringIO(text, newline=""))
        some = list(islice(lines, first))
        lines.put_back(some)
        assert list(chain.from_iterable(iter(lines.block, []))) == expected
