"""No filter, tag or text of a template may cost more than one mail may: whatever it is given."""

from __future__ import annotations

import itertools
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from liquid import Environment

from mailroom.content.content import Content
from mailroom.content.merge import render
from mailroom.content.merge.budget import ITEMS, MOST_OPERATION_TEXT, WORK, Budget, size_of
from mailroom.content.merge.filters import LOOK_UP, MADE, PRICES, metered
from mailroom.content.merge.liquid import environment
from mailroom.content.merge.local_filters import LOCAL_FILTERS
from mailroom.content.merge.plain import MergeError
from mailroom.content.merge.render import OUTPUT_BYTES, RenderWithBudget
from mailroom.content.merge.tags import FILLED, parse_template, unknown_tags
from tests.content.mail import ANN, JOHN, received

PEAK = 40 << 20
"""Bytes that one operation may take for a moment: a text of 256 kB, each character made six of four bytes."""

TEXTS = {
    "empty": "",
    "letters": "x" * MOST_OPERATION_TEXT,
    "emoji": "😀" * MOST_OPERATION_TEXT,
    "quotes": "\"'<>&" * (MOST_OPERATION_TEXT // 5),
    "blanks": " " * (MOST_OPERATION_TEXT - 1) + "x",
    "words": "x " * (MOST_OPERATION_TEXT // 2),
    "lines": "\n" * MOST_OPERATION_TEXT,
    "percent": "%" * MOST_OPERATION_TEXT,
    "opened": "<a " * 10_000,
    "comments": "<!--" * 8_000,
    "entities": "&a" * 16_000,
    "digits": "9" * 4_000,
    "padding": "%0999999999c" * 16,
    "needle": "x" * 98 + "y",
    "too long": "x" * (MOST_OPERATION_TEXT + 1),
}
WORST: dict[str, object] = {
    **TEXTS,
    "many items": [str(number) for number in range(ITEMS)],
    "the same items": ["x" * 20] * (ITEMS // 2),
    "too many items": [""] * (ITEMS + 1),
    "one text many times": ["x" * MOST_OPERATION_TEXT] * ITEMS,
    "numbers": list(range(ITEMS)),
    "a large number": 10**300,
    "too large a number": 10**400,
    "a fraction": 1e308,
    "nothing": None,
    "a range": range(1_000_000_000),
}
ARGUMENTS: list[tuple[object, ...]] = [
    *((), ("",), ("x",), (2,), (10**300,), (TEXTS["needle"],), (TEXTS["letters"],), (WORST["many items"],)),
    *(("", TEXTS["letters"]), ("x", "y" * 100), (TEXTS["needle"], "x"), (-1, 10**300), (None, None)),
]


class Recorded(Budget):
    """A budget that tells what was asked of it."""

    __slots__ = ()
    last: Budget

    def __init__(self) -> None:
        super().__init__()
        Recorded.last = self


@contextmanager
def recorded() -> Iterator[None]:
    with mock.patch.object(render, "Budget", Recorded):
        yield


@contextmanager
def calls_counted(counted: list[int]) -> Iterator[None]:
    """Counts calls of Python's and C's functions: work as the interpreter sees it, not as we price it."""

    def count(frame: FrameType, event: str, argument: Any) -> None:
        counted[0] += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(before)


def test_every_filter_of_the_library_was_judged() -> None:
    """A new version may bring one that nobody looked at: give it a price, and what else it needs."""
    assert set(PRICES) == set(Environment().filters) | set(LOCAL_FILTERS) == set(environment(False).filters)


def test_every_tag_of_the_library_was_judged() -> None:
    judged = {"#", "assign", "break", "capture", "case", "comment", "content", "continue", "cycle"}
    judged |= {"decrement", "doc", "echo", "for", "if", "ifchanged", "illegal", "increment", "liquid"}
    judged |= {"output", "tablerow", "unless"}
    assert {tag.lower() for tag in environment(False).tags} == judged


LIBRARYS = Environment().filters
KINDS = [(name, html) for name in sorted(LIBRARYS) for html in (False, True)]
DIFFERENT = [one for one in KINDS if not one[1] or hasattr(LIBRARYS[one[0]], "with_environment")]
"""In HTML only those do something else that ask for it."""


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("name", "html"), DIFFERENT)
def test_no_filter_costs_more_than_it_may(name: str, html: bool) -> None:
    template = environment(html).from_string("")
    apply = environment(html).filters[name]
    tracemalloc.start()
    try:
        for value, arguments in itertools.product(WORST.values(), ARGUMENTS):
            context = RenderWithBudget(template)
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            try:
                result = apply(context, value, *arguments)
            except Exception:  # of whatever kind: rendering makes it a MergeError
                result = ""
            assert tracemalloc.get_traced_memory()[1] - before < PEAK
            assert (
                len(result) <= MADE
                if isinstance(result, str)
                else size_of(result) <= MOST_OPERATION_TEXT + 16 * ITEMS
            )
            assert context.budget.left < WORK or result == "", "it was free"
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", LOOK_UP)
def test_a_list_where_a_name_belongs_is_looked_up_nowhere(name: str) -> None:
    def never(*_: object) -> None:
        raise AssertionError("its cost was not counted before")

    context = RenderWithBudget(environment(False).from_string(""))
    with pytest.raises(MergeError, match="more work"):
        metered(name, never)(context, ["x"] * ITEMS, ["y"] * ITEMS)


@pytest.mark.parametrize("name", sorted(environment(False).filters))
def test_a_range_is_for_loops_only(name: str) -> None:
    template = parse_template(f"{{{{ (1..5) | {name} }}}}")
    assert template is not None
    with pytest.raises(MergeError, match="range, which can only be looped over"):
        template.render({})


names = st.sampled_from(
    ["name", "long", "list", "i", "v", "w", "'x'", "''", "7", "99999999", "1.5", "(1..9)"]
)
filters = st.sampled_from(sorted(PRICES))
calls = st.builds(
    lambda name, arguments: f" | {name}{': ' + ', '.join(arguments) if arguments else ''}",
    filters,
    st.lists(names, max_size=2),
)
expressions = st.builds(lambda name, calls: name + "".join(calls), names, st.lists(calls, max_size=4))
leaves = st.one_of(
    st.sampled_from(["text", "{% break %}", "{% increment n %}", "{% cycle long, name %}", "{{ v }}{{ w }}"]),
    expressions.map(lambda one: f"{{{{ {one} }}}}"),
    st.builds(lambda to, one: f"{{% assign {to} = {one} %}}", st.sampled_from(["v", "w"]), expressions),
    st.builds(lambda to, a, b: f"{{% assign {to} = {a} | append: {b} %}}", st.just("v"), names, names),
)


def blocks(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    within = st.lists(inner, max_size=3).map("".join)
    ranges = st.sampled_from(["(1..3)", "(1..100)", "(1..9999)", "(1..99999999999)", "v", "list", "long"])
    options = st.sampled_from(["", " reversed", " limit: 5", " offset: 9998", " limit: 1 offset: 99999999"])
    return st.one_of(
        st.builds(lambda r, o, w: f"{{% for i in {r}{o} %}}{w}{{% endfor %}}", ranges, options, within),
        st.builds(lambda r, w: f"{{% tablerow i in {r} cols: 2 %}}{w}{{% endtablerow %}}", ranges, within),
        st.builds(lambda w: f"{{% capture w %}}{w}{{% endcapture %}}", within),
        st.builds(lambda w: f"{{% ifchanged %}}{w}{{% endifchanged %}}", within),
        st.builds(
            lambda a, b, w: f"{{% if {a} contains {b} %}}{w}{{% else %}}{w}{{% endif %}}",
            names,
            names,
            within,
        ),
        st.builds(
            lambda a, b, w: f"{{% case {a} %}}{{% when {b} %}}{w}{{% else %}}{w}{{% endcase %}}",
            names,
            names,
            within,
        ),
    )


sources = st.lists(st.recursive(leaves, blocks, max_leaves=12), min_size=1, max_size=5).map("".join)
VALUES = {"name": "Ann", "long": "x, " * 20_000}
START = "{% assign list = long | slice: 0, 3000 | split: ',' %}{% assign v = name %}{% assign w = name %}"


@pytest.mark.timeout(300)
@settings(max_examples=150, deadline=None)
@given(sources, st.booleans())
def test_no_template_costs_more_than_it_may(source: str, html: bool) -> None:
    counted, text = [0], ""
    with recorded(), suppress(MergeError):
        template = parse_template(START + source, html=html)
        assert template is not None
        with calls_counted(counted):
            text = template.render({**VALUES, "i": "1"})
    assert len(text.encode()) <= 2 * OUTPUT_BYTES  # a line end becomes two characters
    assert counted[0] < WORK


def test_the_budget_is_the_same_on_every_machine() -> None:
    template = parse_template("{% for i in (1..900) %}{{ name | upcase }}{% endfor %}")
    assert template is not None
    spent = set()
    with recorded():
        for _ in range(3):
            template.render(VALUES)
            spent.add(Recorded.last.left)
    assert len(spent) == 1 and 0 < spent.pop() < WORK


def test_the_clock_is_the_second_rule() -> None:
    budget = Budget()
    with mock.patch("time.thread_time", side_effect=[0.0, 0.2, 0.6]):
        budget.spend(WORK // 10)
        budget.spend(WORK // 10)
        with pytest.raises(MergeError, match="takes more work than one mail may"):
            budget.spend(WORK // 10)


def test_a_long_value_in_many_plain_tags_is_refused() -> None:
    value = "x" * (FILLED // 10)
    most = Content(JOHN, "Hi", text="{{ bio }}\n" * 10)
    assert len(received(most, ANN, {"bio": value}).as_bytes()) > FILLED
    for more in (
        Content(JOHN, "Hi", text="{{ bio }}\n" * 11),
        Content(JOHN, "{{ bio }}", text="{{ bio }}\n" * 5, html="{{ bio }}" * 5),
    ):
        with pytest.raises(MergeError, match=r"put in 1,\d+,\d+ characters"):
            received(more, ANN, {"bio": value})


def test_a_reason_is_short_whatever_it_quotes() -> None:
    template = parse_template("{{ 1 | plus: bio }}")
    assert template is not None
    with pytest.raises(MergeError) as trouble:
        template.render({"bio": "x" * 100_000})
    assert len(str(trouble.value)) < 400


def test_a_path_within_a_path_is_a_mistake_like_others() -> None:
    with pytest.raises(MergeError, match="asks for a part of a text"):
        unknown_tags("{{ a[b[c]] }}", ["a", "b", "c"])
    assert unknown_tags("{% assign l = a | split: ',' %}{{ l[b] }}", ["a", "b"]) == []
