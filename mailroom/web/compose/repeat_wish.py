"""Repeats as somebody types them: beside a letter, or to change one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from mailroom.content.schedule.repeat_rules import repeat_rule
from mailroom.content.schedule.sending_hours import SendingHours, sending_hours
from mailroom.content.schedule.zones import end_of, zone_named, zone_names
from mailroom.content.text.typed_numbers import typed_number
from mailroom.engine.repeats.planning import MOST_TIMES, RepeatPlan
from mailroom.ledger.repeats.repeats import Repeat
from mailroom.web.compose.compose_form import ComposeForm
from mailroom.web.form_problems import SEEN, ChangeForm, as_seen, overtaken

REPEAT_OVERTAKEN = overtaken("when this is mailed", "Somebody, or a tick of it,")
TIMES_WORDS = f"Write a number up to {MOST_TIMES:,}, or nothing."
REPEAT_FIELDS = ("repeat", "repeat_zone", "hours", "repeat_until", "repeat_times")


@dataclass(slots=True)
class RepeatForm(ChangeForm):
    """To change a repeat: typed values by field name, and problems as (field, sentence)."""

    typed: dict[str, str]
    problems: list[tuple[str, str]] = field(default_factory=list)

    def value(self, name: str) -> str:
        return self.typed.get(name, "")

    def plan(self) -> RepeatPlan | None:
        """None: what was typed is refused at its field."""
        try:
            zone = zone_named(self.value("repeat_zone").strip())
        except ValueError as error:
            self.refuse("repeat_zone", str(error))
            return None
        hours = None
        try:
            hours = sending_hours(self.value("hours"), zone.key) if self.value("hours").strip() else None
        except ValueError as error:
            self.refuse("hours", str(error))
        if not self.value("repeat").strip():
            self.refuse("repeat", "Say when it is mailed.")
        plan = plan_of_form(self, zone, hours)
        return None if self.problems else plan


def form_of(repeat: Repeat) -> RepeatForm:
    """As it stands. Where its zone is not known any more its last day is UTC's, for want of a better."""
    zone = zone_named(repeat.zone if repeat.zone in zone_names() else "UTC")
    ends_at = repeat.ends_at.astimezone(zone) if repeat.ends_at else None
    fields = {
        "repeat": repeat.rule,
        "repeat_zone": repeat.zone,
        "hours": repeat.hours or "",
        "repeat_until": f"{ends_at:%Y-%m-%d}" if ends_at else "",
        "repeat_times": "" if repeat.times is None else str(repeat.times),
    }
    return RepeatForm(fields, seen=as_seen(*fields.values()))


def typed_repeat(typed: Mapping[str, str]) -> RepeatForm:
    return RepeatForm({name: typed.get(name, "") for name in REPEAT_FIELDS}, seen=typed.get(SEEN, ""))


def as_of_repeat(repeat: Repeat) -> str:
    return form_of(repeat).seen


def zone_of_repeat(form: ComposeForm, reader: ZoneInfo) -> ZoneInfo:
    """On whose clocks its rule, the end of that and its hours are: the reader's, unless it names another."""
    named = form.value("repeat_zone").strip()
    try:
        return zone_named(named) if named else reader
    except ValueError as error:
        form.refuse("repeat", str(error))
        return reader


def plan_of_form(
    form: ComposeForm | RepeatForm, zone: ZoneInfo, hours: SendingHours | None
) -> RepeatPlan | None:
    """None: it is mailed once, or what was typed is refused at its field."""
    if not form.value("repeat").strip():
        return None
    try:
        rule = repeat_rule(form.value("repeat"))
    except ValueError as error:
        form.refuse("repeat", str(error))
        return None
    try:
        ends_at = end_of(form.value("repeat_until"), zone)
    except ValueError as error:
        form.refuse("repeat_until", str(error))
        return None
    typed = form.value("repeat_times").strip()
    times = typed_number(typed, MOST_TIMES)
    if typed and times is None:
        form.refuse("repeat_times", TIMES_WORDS)
        return None
    return RepeatPlan(rule, zone.key, hours, ends_at, times)
