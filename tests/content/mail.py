"""What the tests of messages share: compiling one, parsing it, and what any message must keep."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

from mailroom.content.addresses import Address
from mailroom.content.content import Content
from mailroom.content.merge.plain import Values
from mailroom.content.message.compiled import compile_message
from mailroom.content.message.message_ids import message_id

DATE = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
ANN = Address("ann@example.org", "Ann Lee")
JOHN = Address("john@example.com", "John Doe")
UID = "0198-uid"


def rendered(content: Content, to: Address = ANN, variables: Values | None = None) -> bytes:
    return compile_message(content, UID, DATE).render(to, variables, message_id(UID, 7, to.domain, None))


def parsed(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def received(content: Content, to: Address = ANN, variables: Values | None = None) -> EmailMessage:
    raw = rendered(content, to, variables)
    assert_fit_for_the_wire(raw)
    return parsed(raw)


def assert_fit_for_the_wire(raw: bytes) -> None:
    assert raw.endswith(b"\r\n")
    assert raw.isascii() and b"\0" not in raw
    without_ends = raw.replace(b"\r\n", b"")
    assert b"\r" not in without_ends and b"\n" not in without_ends
    lines = raw.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert b"." not in lines  # the message's end comes from nobody but the session


def body_of(message: EmailMessage, subtype: str) -> str:
    part = message.get_body((subtype,))
    assert part is not None
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode("utf-8")


def as_typed(text: str) -> str:
    """`text` as it must arrive: its line ends CRLF, one at its end too."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    return text if text.endswith("\r\n") else text + "\r\n"
