"""A template for many recipients: values that they have in common, and what some of them lack."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace

from mailroom.content.addresses import parse_address
from mailroom.content.content import Content
from mailroom.content.links.unsubscribe import UNSUBSCRIBE_TAG
from mailroom.content.merge.names import identifier
from mailroom.content.merge.plain import MergeError, Value, Values, value_of
from mailroom.content.merge.tags import TAGS_OF_EVERYBODY
from mailroom.content.recipients.parsed import Parsed
from mailroom.content.recipients.spool import Recipients
from mailroom.content.templates.filling import missing_in, names_wanted
from mailroom.content.templates.own_texts import OwnTexts, said_with
from mailroom.content.templates.template_letter import TemplateLetter

MOST_COMMON_TEXT = 64 << 20
"""Characters that values of the whole mailing may take when each recipient has them."""

NAMED_WITHOUT = 3
"""Recipients without a value that are named."""


def with_common(address: str, name: str, own: Values | None, common: Mapping[str, Value]) -> dict[str, Value]:
    """A recipient's values, and the common ones where it has none, or an empty one. Its address and name are
    values, too.
    """
    values = {"email": address, "name": name, **(own or {})}
    lacking = {key: value for key, value in common.items() if value_of(values, key) in (None, "")}
    return {**(own or {}), **lacking}


def refuse_too_common(common: Mapping[str, Value], recipients: int) -> None:
    """Raises MergeError where that would be written down too often."""
    if len(json.dumps(common)) * recipients > MOST_COMMON_TEXT:
        raise MergeError(
            "The values for everybody are too long for so many recipients: write them into the template."
        )


def names_of_each(*sources: str) -> list[str]:
    """What each recipient must have a value for. Raises MergeError for bad Liquid."""
    everybodys = (*TAGS_OF_EVERYBODY, UNSUBSCRIBE_TAG)
    wanted = names_wanted(*sources)
    return [name for name in wanted if name not in everybodys and identifier(name) not in everybodys]


def refuse_missing(sources: Iterable[str], people: Iterable[tuple[str, Values]]) -> None:
    """Raises MergeError for the first tag that somebody (address, values) has no value for."""
    names = names_of_each(*sources)
    name, addresses, total = "", list[str](), 0
    for address, values in people:  # there may be a million
        if missing := missing_in(names, values):
            name = name or missing[0]
            if name in missing:
                total += 1
                addresses += [address] if total <= NAMED_WITHOUT else []
    if name:
        more = f" and {total - NAMED_WITHOUT:,} more" if total > NAMED_WITHOUT else ""
        raise MergeError(f"The template wants a value for {name}; missing for {', '.join(addresses)}{more}.")


def saying(letter: TemplateLetter, content: Content) -> Content:
    """A mailing that says what the template says: what it says itself stands in the template's slots, or
    instead. Raises MergeError for what does not fit.
    """
    said = said_with(letter, OwnTexts(content.subject, content.text, content.html))
    reply_to = content.reply_to or tuple(map(parse_address, letter.reply_to))
    return replace(content, subject=said.subject, text=said.text, html=said.html, reply_to=reply_to)


def with_values(letter: TemplateLetter, parsed: Parsed) -> Parsed:
    """Its recipients, with the template's fallbacks. Raises MergeError where these are too many."""
    return with_common_values(letter.fallbacks, parsed)


def with_common_values(common: Mapping[str, Value], parsed: Parsed) -> Parsed:
    """The same with these. Raises MergeError."""
    if not common:
        return parsed
    refuse_too_common(common, len(parsed.recipients))
    recipients = Recipients(
        one._replace(variables=with_common(one.address, one.name, one.variables, common))
        for one in parsed.recipients
    )
    columns = list(dict.fromkeys([*parsed.columns, *common]))
    return replace(parsed, recipients=recipients, columns=columns)


def refuse_lacking(content: Content, parsed: Parsed) -> None:
    """Raises MergeError for the first tag of a mailing that somebody has no value for."""
    people = ((one.address, one.variables or {}) for one in parsed.recipients)
    refuse_missing((content.subject, content.text, content.html), people)
