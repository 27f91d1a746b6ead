"""Fields that a message has once at most (RFC 5322, 3.6), of programs that write some of them twice."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from mailroom.content.header.mailboxes import tokens
from mailroom.content.header.parameters import parameters
from mailroom.content.whole.fields import Field

LISTS = ("to", "cc", "reply-to")
SINGLE = ("subject", "date", "message-id")
STRUCTURE = ("mime-version", "content-type", "content-transfer-encoding", "content-disposition")
"""They say where a message's parts are, and what these hold."""

MOST_TWINS = 10
"""Fields of structure of one name that are compared."""

_EXACT = ("boundary", "name", "filename")
_AS_IT_IS = ("7bit", "8bit", "binary")

_ID = re.compile(r"[!-;=?-~]+").fullmatch
_IN_BRACKETS = re.compile(r"<[ \t]*+([^<> \t]*+)[ \t]*+>").findall


def each_once(fields: Iterable[Field]) -> list[Field]:
    """Lists of addresses put together, where the first of them stands; of equal fields the first one; of
    fields of structure the one that says all that the others say.

    What differs otherwise stays, for nobody can say which one was meant; so do fields of authors.
    Raises Unmailable.
    """
    kept: list[Field] = []
    places: dict[str, int] = {}
    lists: defaultdict[str, list[Field]] = defaultdict(list)
    twins: defaultdict[str, list[Field]] = defaultdict(list)
    for field in fields:
        field = _as_id(field) if field.name == "message-id" else field
        at = places.setdefault(field.name, len(kept))
        if field.name in LISTS:
            lists[field.name].append(field)
        elif field.name in STRUCTURE:
            twins[field.name].append(field)
        if at == len(kept) or not (field.name in LISTS or _are_equal(kept[at], field)):
            kept.append(field)
    for name, several in lists.items():
        if len(several) > 1:
            kept[places[name]] = _joined(several)
    full = {name: _fullest(several) for name, several in twins.items() if len(several) > 1}
    for name, fullest in full.items():
        if fullest:
            kept[places[name]] = fullest
    kept = [one for at, one in enumerate(kept) if not full.get(one.name) or places[one.name] == at]
    return [field for field in kept if field.value or field.name != "message-id"]


def contradicted(fields: Iterable[Field]) -> str:
    """The name of a field of structure that is there again and says otherwise; "" when there is none.

    Some programs believe the first, some the last, and so see other parts.
    """
    twins: defaultdict[str, list[Field]] = defaultdict(list)
    for field in fields:
        if field.name in STRUCTURE:
            twins[field.name].append(field)
    return next((one[0].shown_name for one in twins.values() if len(one) > 1 and not _fullest(one)), "")


def _fullest(several: Sequence[Field]) -> Field | None:
    """The one that says all that the others say; None: they contradict each other."""
    if len(several) > MOST_TWINS:
        return None
    said = [_said(field) for field in several]
    everything = set().union(*said)
    return next((field for field, words in zip(several, said, strict=True) if words == everything), None)


def _said(field: Field) -> set[tuple[str, str]]:
    """The value and the parameters, in one spelling."""
    value, *further = parameters(field.value or " ")
    kind = "".join(value.text.partition("(")[0].split()).lower()
    said = {("", "7bit" if kind in _AS_IT_IS else kind)}
    return said | {(one.name, one.value if one.name in _EXACT else one.value.lower()) for one in further}


def _are_equal(first: Field, second: Field) -> bool:
    return second.name in SINGLE and first.value == second.value


def _joined(several: Sequence[Field]) -> Field:
    """One list. Each has to be one by itself: no quote of one may end in the next."""
    for field in several:
        list(tokens(field.value))
    name = several[0].raw.partition(b":")[0]
    bodies = (field.raw.partition(b":")[2].strip(b" \t\r\n,") for field in several)
    return Field(several[0].name, name + b": " + b",\r\n ".join(filter(None, bodies)))


def _as_id(field: Field) -> Field:
    """With the brackets that many programs leave out; empty where it cannot be an id at all."""
    value = field.value
    if value.startswith("<") and value.endswith(">") and _ID(value[1:-1]):
        return field
    found = _IN_BRACKETS(value) if "<" in value else [value]
    wanted = f" <{found[0]}>" if len(found) == 1 and _ID(found[0]) else ""
    return Field(field.name, f"{field.shown_name}:{wanted}".encode())
