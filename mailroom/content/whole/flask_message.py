"""Flask-Mail's Message as a whole message and its envelope: how a Flask developer speaks to us.

What it says is what Flask-Mail itself builds: text, alternatives, attachments and their headers. Who it
is from and for, its subject and further headers are written here, for Flask-Mail checks only some of
them for line breaks, quietly drops second addresses, and takes a name apart at its comma.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from email.errors import MessageError as EmailError
from typing import TYPE_CHECKING, NamedTuple

from mailroom.content.addresses import Address, AddressError, parse_address
from mailroom.content.check import Finding, check, header_problem
from mailroom.content.content import Attachment, Content
from mailroom.content.header.parameters import parameter
from mailroom.content.message.headers import address_header, encoded_words, extra_header, text_header
from mailroom.content.recipients.parsed import each_once
from mailroom.content.whole.fields import joined, split, without
from mailroom.content.whole.original import NOT_MAILED, HandedIn

if TYPE_CHECKING:
    from email.message import Message as EmailMessage

    import flask_mail

    Given = str | tuple[str, str]

WRITTEN_HERE = ("from", "to", "cc", "reply-to", "subject")
HEADERS_OF_THE_BUILDER = ("content-", "mime-")
"""Begin the names of what tells how a message is built."""

_FOLD = re.compile(r"\r?\n(?=[ \t])")
_ROOM = 40
"""For an encoded-word in a header of an attachment, beside the header's name."""


class MessageError(ValueError):
    """A Message that cannot be mailed as it is. `problems` are (field, sentence)."""

    def __init__(self, problems: Sequence[Finding]) -> None:
        super().__init__(" ".join(f"{field}: {sentence}" for field, sentence in problems))
        self.problems = list(problems)


def handed_in(message: flask_mail.Message, envelope_from: Given | None = None, *, host: str = "") -> HandedIn:
    """The message, and everybody who gets it, each once. Raises MessageError.

    `host`: this machine's name, which Flask-Mail's own Message-ID shows. Such a `msgId` becomes one
    of the sender's domain.
    """
    people, charset = _people(message, envelope_from), _charset(message)
    content = _content(message, people, charset)
    if problems := [*_problems(content)]:
        raise MessageError(problems)
    if host and message.msgId.endswith(f"@{host}>"):
        message.msgId = f"{message.msgId.removesuffix(f'{host}>')}{people.sender.domain}>"
    recipients = each_once(to=people.to, cc=people.cc, bcc=people.bcc)
    whole = _with_headers(_built(message, content, charset), content)
    return HandedIn(whole, people.envelope_sender.address, [one.address for one in recipients])


class _People(NamedTuple):
    """Whom the Message names, and the envelope."""

    sender: Address
    envelope_sender: Address
    reply_to: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]


def _people(message: flask_mail.Message, envelope_from: Given | None) -> _People:
    problems: list[Finding] = []

    def read(field: str, given: Iterable[Given | None]) -> tuple[Address, ...]:
        return tuple(a for one in given if one and (a := _read(field, one, problems)) is not None)

    to, cc, bcc = (read(field, getattr(message, field) or ()) for field in ("recipients", "cc", "bcc"))
    sender, reply_to = read("sender", [message.sender]), read("reply_to", [message.reply_to])
    envelope_sender = read("envelope_from", [envelope_from]) or sender
    if not message.sender:
        problems.append(("sender", "Say who the mail is from."))
    if problems:
        raise MessageError(problems)
    return _People(sender[0], envelope_sender[0], reply_to, to, cc, bcc)


def _content(message: flask_mail.Message, people: _People, charset: str) -> Content:
    """What can be checked of it as of any other."""
    headers = (message.extra_headers or {}).items()
    return Content(
        people.sender,
        _unfolded(_text(message.subject, charset)),
        _text(message.body, charset),
        _text(message.html, charset),
        people.reply_to,
        tuple((str(name), _unfolded(str(value))) for name, value in headers),
        tuple(_attachment(attachment) for attachment in message.attachments),
        kind="shared",
        to=people.to,
        cc=people.cc,
    )


def _read(field: str, given: Given, problems: list[Finding]) -> Address | None:
    try:
        if isinstance(given, tuple):
            name, bare = given
            return Address(parse_address(bare).address, str(name or ""))
        return parse_address(str(given))
    except AddressError as refusal:
        problems.append((field, f"“{given[1] if isinstance(given, tuple) else given}”: {refusal}"))
        return None


def _charset(message: flask_mail.Message) -> str:
    """The one that the Message asks for, if its words can be written in it."""
    charset = message.charset or "utf-8"
    try:
        for words in (" ", message.body, *message.alts.values()):
            if isinstance(words, str):
                words.encode(charset)
    except (UnicodeError, LookupError):
        return "utf-8"
    return charset


def _text(given: object, charset: str) -> str:
    """Bytes are text as well, and so is what a translating library fills in late."""
    if isinstance(given, bytes):
        return given.decode(charset, "replace")
    return "" if given is None else str(given)


def _unfolded(value: str) -> str:
    return _FOLD.sub("", value)


def _attachment(given: flask_mail.Attachment) -> Attachment:
    return Attachment(given.filename or "", given.content_type, _octets(given.data, given.content_type))


def _octets(data: object, content_type: str) -> bytes:
    """Text in the charset that its type names, or in UTF-8."""
    if not isinstance(data, str):
        return bytes(data)  # type: ignore[call-overload, no-any-return]
    try:
        return data.encode(parameter(content_type, "charset") or "utf-8")
    except (UnicodeError, LookupError):
        return data.encode("utf-8", "replace")


def _problems(content: Content) -> Iterator[Finding]:
    """What a form would be told, but for what only a form asks for: a subject, a text, no author's field."""
    empty = {
        "subject": not content.subject.strip(),
        "text": not (content.text.strip() or content.html.strip()),
    }
    yield from (found for found in check(replace(content, headers=()), []) if not empty.get(found[0]))
    given = {"from", "message-id", "date"} | {
        name
        for name, value in (("to", content.to), ("cc", content.cc), ("subject", content.subject))
        if value
    }
    if content.reply_to:
        given.add("reply-to")
    for name, value in content.headers:
        if (
            name.lower() in given
            or name.lower() in NOT_MAILED
            or name.lower().startswith(HEADERS_OF_THE_BUILDER)
        ):
            yield "headers", f"The header {name} is set by the Message itself, or never mailed."
        elif problem := header_problem(name, value):
            yield "headers", problem


def _built(message: flask_mail.Message, content: Content, charset: str) -> bytes:
    """By Flask-Mail, with nobody in it yet. Raises MessageError."""
    bare = copy(message)
    bare.subject, bare.sender, bare.recipients, bare.cc, bare.reply_to = "", "", [], [], None
    bare.extra_headers, bare.charset, bare.body = None, charset, content.text
    bare.alts = {str(subtype): _text(words, charset) for subtype, words in message.alts.items()}
    bare.attachments = [
        _readable(*pair) for pair in zip(message.attachments, content.attachments, strict=True)
    ]
    try:
        built = bare._message()
        _refuse_breaks(built)
        return built.as_bytes()
    except (ValueError, TypeError, LookupError, AttributeError, EmailError) as error:
        if isinstance(error, MessageError):
            raise
        raise MessageError([("", f"Flask-Mail cannot build this message: {error}")]) from error


def _readable(given: flask_mail.Attachment, read: Attachment) -> flask_mail.Attachment:
    """Its text as octets, its headers in ASCII: of anything else Flask-Mail makes escapes, or an error."""
    one = copy(given)
    one.data = read.data
    one.headers = {
        str(name): value if (value := str(words)).isascii() else " ".join(encoded_words(value, _ROOM))
        for name, words in given.headers.items()
    }
    return one


def _refuse_breaks(built: EmailMessage) -> None:
    """A break in a name, a type, a charset, a disposition would be a header that nobody wrote."""
    for part in built.walk():
        for name, value in part.items():
            if problem := header_problem(name, _unfolded(str(value))):
                raise MessageError([("headers" if part is built else "parts", problem)])


def _with_headers(built: bytes, content: Content) -> bytes:
    fields, body = split(built)
    to = address_header("To", content.to) if content.to else b""
    cc = address_header("Cc", content.cc) if content.cc else b""
    named = {name.lower() for name, _ in content.headers}
    if not (to or cc or "to" in named or "cc" in named):
        to = b"To: undisclosed-recipients:;\r\n"  # only Bcc: some servers want a To
    written = [
        address_header("From", [content.sender]),
        to,
        cc,
        address_header("Reply-To", content.reply_to) if content.reply_to else b"",
        _words("Subject", content.subject) if content.subject else b"",
        *(_header(name, value) for name, value in content.headers),
    ]
    return b"".join(written) + joined(without(fields, *WRITTEN_HERE), body)


def _words(name: str, value: str) -> bytes:
    """Plain ASCII as it is: it may have been encoded already."""
    return extra_header(name, value) if value.isascii() else text_header(name, value)


def _header(name: str, value: str) -> bytes:
    """Other scripts raw: each kind of field is encoded in its own way where whole messages are read."""
    return extra_header(name, value) if value.isascii() else f"{name}: {value}\r\n".encode()
