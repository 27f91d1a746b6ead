"""A message compiled once per mailing: per recipient only what differs is made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from typing import Protocol

from mailroom.content.content import LONGEST_SUBJECT, Content
from mailroom.content.links.unsubscribe import UNSUBSCRIBE_TAG, Link
from mailroom.content.merge.plain import MergeError, Template, Value, Values, names_used
from mailroom.content.merge.tags import parse_template, refuse_overfull
from mailroom.content.message.body import LARGE_PIECE, Keep, KeptElsewhere, Personal, Piece, as_it_is, kept
from mailroom.content.message.custom_headers import custom_header
from mailroom.content.message.headers import address_header, clean, text_header, to_header
from mailroom.content.message.mime import root_part
from mailroom.content.message.stencil import stencil_of
from mailroom.content.text.characters import misplaced


class Addressee(Protocol):
    """Whoever has an address and a name: a Recipient, an Address, a row of the ledger."""

    @property
    def address(self) -> str: ...

    @property
    def name(self) -> str: ...


class Compiled:
    """One mailing's message, ready to be rendered for each recipient. `size`: octets that all of them get."""

    __slots__ = ("_before_to", "_date", "_rest", "_stencil", "_subject", "_to", "_uses", "size")

    def __init__(
        self,
        before_to: bytes,
        to: bytes | None,
        subject: Template | None,
        date: datetime,
        rest: Sequence[Piece],
        keep: Keep,
    ) -> None:
        self._date = _date_and_version(date.replace(microsecond=0), date.utcoffset())
        self._before_to = before_to
        self._to = to
        self._subject = subject
        self._rest = [kept(piece, keep) for piece in _joined(rest)]
        self.size = sum([len(piece) for piece in self._rest if not isinstance(piece, Personal)])
        uses = names_used(subject)
        for piece in self._rest:
            uses.update(piece.names_used if isinstance(piece, Personal) else ())
        self._uses = list(uses.items())
        self._stencil = stencil_of(subject, self._rest) if uses and self.size < LARGE_PIECE else None

    def fill(
        self,
        address: Addressee,
        variables: Values | None,
        message_id: str,
        date: bytes | None = None,
        link: Link | None = None,
    ) -> bytes | None:
        """As `render`, for less: the message if all of its values go in as they are, as most do. It is ready
        for the wire: CRLF alone ends its lines, and none begins with a dot. None: it must be rendered.
        """
        if self._stencil is None or not message_id.isprintable():
            return None
        filled = self._stencil.fill(_values(address, variables))
        if filled is None:
            return None
        fields = b"" if link is None else link.fields
        return b"".join([*self._head(address, message_id), fields, date or self._date, *filled])

    def render(
        self,
        address: Addressee,
        variables: Values | None,
        message_id: str,
        date: bytes | None = None,
        link: Link | None = None,
    ) -> bytes:
        """The whole message of RFC 5322: CRLF line ends, 7-bit, not dot-stuffed. As `pieces`."""
        return b"".join(map(bytes, self.pieces(address, variables, message_id, date, link)))

    def pieces(
        self,
        address: Addressee,
        variables: Values | None,
        message_id: str,
        date: bytes | None = None,
        link: Link | None = None,
    ) -> list[bytes | KeptElsewhere]:
        """The same in pieces, each of whole lines; what `keep` made are the same objects for everybody.

        `date`: from `date_fields`, another Date than that of the compiled message. `link`: of bulk mail. A
        shared one is the same for everybody but for the Message-ID and the link. Raises MergeError when
        this recipient's variables do not fit the template.
        """
        head: list[bytes | KeptElsewhere] = [*self._head(address, message_id)]
        values = _values(address, variables)
        if link is not None:
            head.append(link.fields)
            # A column of their own goes first.
            values[UNSUBSCRIBE_TAG] = values.get(UNSUBSCRIBE_TAG) or link.url
        refuse_overfull(self._uses, values)
        head.append(date or self._date)
        if self._subject is not None:
            head.append(_personal_subject(self._subject.render(values)))
        head += [piece.render(values) if isinstance(piece, Personal) else piece for piece in self._rest]
        return head

    def _head(self, address: Addressee, message_id: str) -> list[bytes]:
        to = self._to if self._to is not None else to_header(address.address, address.name)
        return [self._before_to, to, f"Message-ID: {message_id}\r\n".encode("ascii", "replace")]


def _values(address: Addressee, variables: Values | None) -> dict[str, Value]:
    return {"email": address.address, "name": address.name, **(variables or {})}


def compile_message(content: Content, uid: str, date: datetime, keep: Keep = as_it_is) -> Compiled:
    """Everything that is the same for all recipients, laid out and encoded.

    `uid` names the mailing; `date` is the Date of every message that is rendered without one. `keep` has each
    large piece as it is made. Raises MergeError for a template that `check` would have refused.
    """
    subject = parse_template(content.subject) if content.is_personal else None
    constant: list[Piece] = [] if subject else [text_header("Subject", content.subject)]
    if content.reply_to:
        constant.append(address_header("Reply-To", content.reply_to))
    constant += [custom_header(name, value, personal=content.is_personal) for name, value in content.headers]
    root = root_part(content, uid, keep)
    rest = [*constant, root.fields, b"\r\n", *root.body]
    sender, shown = address_header("From", [content.sender]), _shown_recipients(content)
    return Compiled(sender, shown, subject, date, rest, keep)


def _personal_subject(subject: str) -> bytes:
    """Raises MergeError for too much, and for what a value or a filter of Liquid put in and nobody sees."""
    if len(subject) > LONGEST_SUBJECT:
        found = f"The subject has {len(subject):,} characters for this recipient"
        raise MergeError(f"{found}, and {LONGEST_SUBJECT:,} is the most.")
    if not (subject.isascii() and subject.isprintable()):
        subject = clean(subject)
        if reason := misplaced(subject):
            raise MergeError(f"The subject {reason}.")
    return text_header("Subject", subject)


@lru_cache(maxsize=10)
def date_fields(second: int) -> bytes:
    """Date and MIME-Version of a message that is handed over then (seconds since the epoch)."""
    return _date_and_version(datetime.fromtimestamp(second, UTC), timedelta(0))


@lru_cache(maxsize=10)
def _date_and_version(second: datetime, offset: timedelta | None) -> bytes:
    """The same for many single mails of a burst. `offset` keeps two zones' names of one moment apart."""
    return f"Date: {format_datetime(second)}\r\nMIME-Version: 1.0\r\n".encode("ascii")


def _shown_recipients(content: Content) -> bytes | None:
    if content.is_personal:
        return None
    to = address_header("To", content.to) if content.to else b""
    cc = address_header("Cc", content.cc) if content.cc else b""
    # Only Bcc: RFC 5322 (3.4) has an empty group for it, and some servers want a To.
    return to + cc or b"To: undisclosed-recipients:;\r\n"


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    """Neighbours that are constant as one, but for large ones."""
    joined: list[Piece] = []
    run: list[bytes] = []
    for piece in pieces:
        if isinstance(piece, bytes) and len(piece) < LARGE_PIECE:
            run.append(piece)
        else:
            joined += [b"".join(run), piece] if run else [piece]
            run = []
    return [*joined, b"".join(run)] if run else joined
