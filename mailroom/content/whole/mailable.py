"""Checks of a whole message before it is mailed: what it has twice, who speaks in it, what nobody sees."""

from __future__ import annotations

from collections.abc import Sequence

from mailroom.content.addresses import Address
from mailroom.content.header.authors import authors
from mailroom.content.header.mailboxes import readable_mailboxes
from mailroom.content.header.once import STRUCTURE, contradicted
from mailroom.content.header.part_names import NAMING_FIELDS, may_say_more, part_names
from mailroom.content.header.unseen import misplaced_in_header
from mailroom.content.whole.fields import MOST_HEADER_OCTETS, Field, Unmailable, values
from mailroom.content.whole.judged_parts import judged_parts
from mailroom.content.whole.parts import ParsedPart

MOST_HOPS = 50
"""Received fields: a message that went through so many servers goes round in a circle."""

ONCE = ("from", "sender", "reply-to", "to", "cc", "message-id", "date", "subject", *STRUCTURE)

SHOWN_FIELDS = ("subject", "from", "sender", "reply-to", "to", "cc", "resent-from", "resent-sender", "author")
"""What readers show in a line."""


def check_fields(fields: Sequence[Field]) -> tuple[Address, ...]:
    """Everybody in whose name the message speaks. Raises Unmailable."""
    for name in ONCE:
        if len(values(fields, name)) > 1:
            raise Unmailable(f"it has more than one {name.title()} header")
    for field in fields:
        if field.name in SHOWN_FIELDS and (reason := _misplaced(field)):
            raise Unmailable(f"its {field.shown_name} header {reason}")
    if not values(fields, "from"):
        raise Unmailable("it has no From header")
    if len(values(fields, "received")) > MOST_HOPS + 1:  # and ours
        raise Unmailable(f"it went through more than {MOST_HOPS} servers already: a loop")
    return tuple(authors(fields))


def check_parts(message: ParsedPart) -> None:
    """What its own parts say of themselves. A message within it is carried as it came. Raises Unmailable."""
    octets = MOST_HEADER_OCTETS
    for part in judged_parts(message):
        if name := contradicted(part.fields):
            raise Unmailable(f"a part has two {name} headers, which say different things")
        for field in part.fields:
            if field.name not in NAMING_FIELDS or not may_say_more(field.raw):
                continue
            octets -= len(field.raw)
            if octets < 0:
                raise Unmailable(f"its parts have names of files of more than {MOST_HEADER_OCTETS:,} octets")
            names = part_names(field.name, field.value)
            if reason := next(filter(None, map(misplaced_in_header, names)), ""):
                raise Unmailable(f"the name of a file in it {reason}")


def _misplaced(field: Field) -> str:
    """What nobody sees, or what turns round what stands beside it, in the words of a header."""
    words = [field.value]
    if field.name != "subject":  # each name for itself: the next must not end what this one begins
        words += [mailbox.name for mailbox in readable_mailboxes(field.value)]
    return next(filter(None, map(misplaced_in_header, words)), "")
