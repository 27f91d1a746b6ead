"""What every mail runs through is our own, and does what the library's nodes do, for the same steps."""

from __future__ import annotations

from collections.abc import Mapping
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from liquid import Environment
from liquid.builtin.output import OutputNode

from mailroom.content.merge import liquid, render, watched
from mailroom.content.merge.budget import Budget
from mailroom.content.merge.liquid import LiquidTemplate
from mailroom.content.merge.plain import MergeError, Value
from mailroom.content.merge.watched import WatchedTemplate, _WatchedOutput

names = st.sampled_from(
    ["a", "a", "b", "number", "truth", "nothing", "i", "v", "'x <&>'", "7", "blank", "nil"]
)
filters = st.sampled_from(
    ["", "", " | upcase", " | default: 'none'", " | append: b", " | size", " | escape", " | split: ','"]
)
expressions = st.builds(lambda name, one, other: f"{name}{one}{other}", names, filters, filters)
operators = st.sampled_from(["==", "!=", "<", ">", "<=", ">=", "contains"])
conditions = st.one_of(
    names,
    st.builds(lambda left, how, right: f"{left} {how} {right}", names, operators, names),
    st.builds(
        lambda left, how, right: f"{left} {how} not {right}", names, st.sampled_from(["and", "or"]), names
    ),
)
leaves = st.one_of(
    st.sampled_from(
        ["text ", "\n", "  ", "A line\n" * 40, "{% break %}", "{% increment n %}", "{% echo a %}"]
    ),
    expressions.map(lambda one: f"{{{{ {one} }}}}"),
    expressions.map(lambda one: f"{{%- assign v = {one} %}}"),
)


def blocks(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    within = st.lists(inner, max_size=3).map("".join)
    return st.one_of(
        st.builds(
            lambda c, w, e: f"{{% if {c} %}}{w}{{% else %}}{e}{{% endif %}}", conditions, within, within
        ),
        st.builds(lambda c, w: f"{{% unless {c} %}}{w}{{% endunless %}}", conditions, within),
        st.builds(lambda w: f"{{% for i in (1..3) %}}{w}{{% endfor %}}", within),
        st.builds(lambda w: f"{{% capture v %}}{w}{{% endcapture %}}{{{{ v }}}}", within),
        st.builds(
            lambda n, w, e: f"{{% case {n} %}}{{% when a, 7 %}}{w}{{% else %}}{e}{{% endcase %}}",
            names,
            within,
            within,
        ),
    )


sources = st.lists(st.recursive(leaves, blocks, max_leaves=10), min_size=1, max_size=5).map("".join)
some_texts = st.sampled_from(["", " ", "Ann", "12", "a,b", "<b>&", "é\r\n😀", "\r", "true"])
values = st.fixed_dictionaries(
    {
        "a": some_texts,
        "b": some_texts,
        "number": st.sampled_from([0, 7, -1.5]),
        "truth": st.booleans(),
        "nothing": st.none(),
    }
)


class Kept(Budget):
    """A budget that can be looked at afterwards."""

    __slots__ = ()
    last: Budget

    def __init__(self) -> None:
        super().__init__()
        Kept.last = self


def outcome(source: str, given_values: Mapping[str, Value], html: bool) -> tuple[str, object, int]:
    """The text or the reason, which names came out empty, and the steps that are left."""
    with mock.patch.object(render, "Budget", Kept):
        text: str
        try:
            text = LiquidTemplate(source, html=html).render(given_values)
        except MergeError as trouble:
            text = f"refused: {trouble}"
        left = Kept.last.left
        try:
            return text, WatchedTemplate(source, html=html).emptied(given_values), left
        except MergeError as trouble:
            return text, str(trouble), left


@settings(max_examples=300, deadline=None)
@given(sources, values, st.booleans())
def test_a_letter_is_the_same_and_costs_the_same(
    source: str, given_values: Mapping[str, Value], html: bool
) -> None:
    Kept()
    quick = outcome(source, given_values, html)
    with (
        mock.patch.object(liquid, "make_quick"),
        mock.patch.object(watched, "QuickOutput", OutputNode),
        mock.patch.object(_WatchedOutput, "render_to_output", _WatchedOutput.render),
    ):
        assert outcome(source, given_values, html) == quick


@pytest.mark.parametrize("how", ["==", "!=", "<", ">", "<=", ">="])
@settings(max_examples=50, deadline=None)
@given(st.text("aAzé1 ", min_size=1, max_size=3), st.text("aAzé1 ", min_size=1, max_size=3))
def test_two_texts_are_compared_as_the_library_does(how: str, a: str, b: str) -> None:
    source = f"{{% if a {how} b %}}yes{{% endif %}}"
    given_texts = {"a": f"{a}.", "b": f"{b}."}  # none that says nothing
    assert LiquidTemplate(source, html=False).render(given_texts) == Environment().from_string(source).render(
        given_texts
    )
