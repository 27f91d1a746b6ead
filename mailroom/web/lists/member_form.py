"""The form of one recipient of a list: their values, and a new fact of their consent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mailroom.content.addresses import AddressError, parse_address
from mailroom.content.lists.list_values import ValuesTooLong, as_json, compact
from mailroom.content.lists.newcomers import Newcomer
from mailroom.content.lists.stated_consent import (
    CONSENT_COLUMNS,
    ConsentUnreadable,
    StatedConsent,
    stated,
)
from mailroom.content.merge.names import identifier
from mailroom.content.merge.plain import Value, text_of
from mailroom.content.text.characters import misplaced, misplaced_in_lines
from mailroom.ledger.lists.members import Member
from mailroom.web.form_problems import SEEN, ChangeForm, overtaken

LONGEST_PERSON = 200
"""Characters of a recipient's name."""

MEMBER_OVERTAKEN = overtaken("this recipient", "Somebody, or an import,")


@dataclass(slots=True)
class MemberForm(ChangeForm):
    """As typed."""

    typed: Mapping[str, str] = field(default_factory=dict)
    problems: list[tuple[str, str]] = field(default_factory=list)

    def value(self, name: str) -> str:
        return self.typed.get(name, "")


def typed_member(typed: Mapping[str, str]) -> MemberForm:
    return MemberForm(typed, seen=typed.get(SEEN, ""))


def as_of(member: Member) -> str:
    return member.updated_at.isoformat()


def form_of_member(member: Member) -> MemberForm:
    values = {
        f"value_{name}": text_of(value).replace("\r\n", "\n") for name, value in member.variables.items()
    }
    return MemberForm({"address": member.address, "name": member.name, **values}, seen=as_of(member))


def newcomer_of(form: MemberForm, columns: Sequence[str], before: Member | None) -> Newcomer | None:
    """What the form says; None: `form.problems` say what is wrong. Of who is there already the address stays,
    and a value that nobody changed keeps its kind.
    """
    address, name = before.address if before else "", form.value("name").strip()[:LONGEST_PERSON]
    if before is None:
        try:
            found = parse_address(form.value("address"))
            address, name = found.address, name or found.name
        except AddressError as refusal:
            form.refuse("address", str(refusal))
    if reason := misplaced(name):
        form.refuse("name", f"The name {reason}.")
    values = compact(_values(form, columns, before))
    try:
        as_json(values)
    except ValuesTooLong as too_long:
        form.refuse("name", str(too_long))
    consent = stated_consent(form)
    return None if form.problems else Newcomer(address, name, values, consent)


def stated_consent(form: MemberForm) -> StatedConsent | None:
    """What its fields of consent say. What is wrong goes into `form.problems`."""
    word, at, how, evidence = (form.value(name).replace("\0", "").strip() for name in CONSENT_COLUMNS)
    try:
        if not (at or how or evidence) and word != "withdrawn":
            return None
        return stated(word, at, how, evidence)
    except ConsentUnreadable as reason:
        form.refuse("consent_at", str(reason))
        return None


def _values(form: MemberForm, columns: Sequence[str], before: Member | None) -> dict[str, Value]:
    values: dict[str, Value] = dict(before.variables) if before else {}
    known = [(name, f"value_{name}") for name in columns if f"value_{name}" in form.typed]
    new = identifier(form.value("new_column"))
    if form.value("new_column").strip() and (not new or new in CONSENT_COLUMNS or new in ("email", "name")):
        form.refuse("new_column", "Choose another name for this column.")
    for name, typed_as in [*known, *([(new, "new_value")] if new else [])]:
        typed = form.value(typed_as).replace("\r\n", "\n").replace("\0", "").strip()
        if reason := misplaced_in_lines(typed):
            form.refuse(typed_as, f"This {reason}.")
        if typed != text_of(values.get(name)).replace("\r\n", "\n").strip():
            values[name] = typed
    return values
