"""Conditions over a list's columns, as a form gives them."""

from __future__ import annotations

from collections.abc import Sequence

from werkzeug.datastructures import MultiDict

from mailroom.content.lists.conditions import MOST_CONDITIONS, Comparison, Condition

ROWS_OFFERED = 3
"""Conditions that the form has room for, at least."""

LONGEST_COMPARED = 1_000


def typed_conditions(typed: MultiDict[str, str]) -> list[Condition]:
    """Those of which a column was chosen; the rest is empty rows."""
    rows = zip(typed.getlist("column"), typed.getlist("how"), typed.getlist("value"), strict=False)
    return [
        Condition(column, Comparison(how), value[:LONGEST_COMPARED].replace("\0", ""))
        for column, how, value in list(rows)[:MOST_CONDITIONS]
        if column and how in list(Comparison)
    ]


def rows_to_show(conditions: Sequence[Condition]) -> list[Condition]:
    """With an empty one to go on with."""
    missing = max(1, ROWS_OFFERED - len(conditions))
    return [*conditions, *[Condition("", Comparison.IS)] * min(missing, MOST_CONDITIONS - len(conditions))]
