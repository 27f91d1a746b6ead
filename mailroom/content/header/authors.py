"""In whose name a message speaks, judged on the octets that leave."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mailroom.content.addresses import Address, AddressError
from mailroom.content.header.disguise import disguise
from mailroom.content.header.mailboxes import mailboxes
from mailroom.content.message.headers import address_header
from mailroom.content.whole.fields import Field, Unmailable, without

AUTHOR_FIELDS = ("from", "sender", "resent-from", "resent-sender", "author")
"""RFC 5322, 3.6.2 and 3.6.6; RFC 9057."""

VERDICTS = ("authentication-results", "received-spf")
"""What a receiver found out about a message: nobody who hands one in may say it (RFC 8601, 5)."""

SIGNATURES = ("dkim-signature", "domainkey-signature")
_ARC = ("arc-seal", "arc-message-signature", "arc-authentication-results")
_DOMAIN = re.compile(r"(?:\A|;)[ \t]*d[ \t]*=[ \t]*([^; \t]+)")


def authors(fields: Sequence[Field]) -> list[Address]:
    """Everybody whom an author's field names, From first. Raises Unmailable."""
    return [
        author
        for name in AUTHOR_FIELDS
        for field in fields
        if field.name == name
        for author in _authors(field)
    ]


def _authors(field: Field) -> list[Address]:
    try:
        named = mailboxes(field.value)
    except (AddressError, Unmailable) as reason:
        raise Unmailable(f"its {field.shown_name} header cannot be read in one way only: {reason}") from None
    if not named:
        raise Unmailable(f"its {field.shown_name} header has no address")
    if len(named) > 1 and field.name in ("sender", "resent-sender"):
        raise Unmailable(f"its {field.shown_name} header has more than one address")
    return named


def disguises(fields: Sequence[Field]) -> str:
    """Why an author's field may be read as naming somebody else, too; "" when none can."""
    for field in fields:
        if field.name in AUTHOR_FIELDS and (reason := disguise(field.value)):
            return f"the {field.shown_name} header may be taken for somebody else's: {reason}"
    return ""


def disguise_of(sender: Address) -> str:
    """The same of a message that Mailroom makes itself."""
    return disguises([Field("from", address_header("From", [sender]).removesuffix(b"\r\n"))])


def without_foreign_signatures(fields: Sequence[Field], author: Address) -> list[Field]:
    """Without the signatures that are not of the author's domain, or of one that it is part of."""
    kept = [field for field in fields if field.name not in SIGNATURES or _is_of(field, author.domain)]
    return without(kept, *_ARC)


def _is_of(signature: Field, domain: str) -> bool:
    named = [found.lower().strip(".") for found in _DOMAIN.findall(signature.value)]
    return len(named) == 1 and f".{domain}".endswith(f".{named[0]}")
