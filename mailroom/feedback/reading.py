"""Reading a mail that came back: the reports in it, or a wish to get no more; else why it is neither."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

from mailroom.content.links.return_tokens import tokens_in
from mailroom.feedback import complaint, delivery_status
from mailroom.feedback.automatic import is_answer, is_automatic_reply, is_of_a_daemon, is_titled_a_daemon
from mailroom.feedback.delivery_status import moment
from mailroom.feedback.quoted import QuotedMail, quoted_in
from mailroom.feedback.received import ReceivedMail, lines_of, received
from mailroom.feedback.recipients import address_in, addresses_in
from mailroom.feedback.report import MOST_RAW_OCTETS, Report, ReportKind
from mailroom.feedback.wordings import (
    ToldWords,
    found_addresses,
    own_text,
    says_delayed,
    says_failed,
    told_of,
)

MOST_NAMED_READ = 20
"""Recipients that a text names: more is a list of something."""

_ADDRESSED = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-delivered-to", "to", "cc")
_LINK = re.compile(r"unsubscribe[\s:]+([A-Za-z0-9_-]{60,1500})(?![A-Za-z0-9_-])", re.IGNORECASE)


class Unsubscription(NamedTuple):
    """What somebody mailed: the token of the address, and the link's from the subject; "": none. `key`: the
    same for the same mail read twice; "": that cannot be told.
    """

    token: str
    link: str
    key: str


class MailEnvelope(NamedTuple):
    """As the way in knows it; `sender` None: it does not."""

    sender: str | None = None
    recipients: Sequence[str] = ()


NO_ENVELOPE = MailEnvelope()


@dataclass(frozen=True, slots=True)
class MailReading:
    """`why`: what the mail is where there is nothing to take from it."""

    reports: tuple[Report, ...] = ()
    unsubscriptions: tuple[Unsubscription, ...] = ()
    why: str = ""


class _Finding(NamedTuple):
    """A report before it is told which mail it is about."""

    kind: ReportKind
    address: str
    told: ToldWords
    reporter: str = ""
    status: delivery_status.RecipientStatus | None = None

    @property
    def blames_nobody_at_once(self) -> bool:
        """Where the address forwards to may be gone; itself it is there."""
        return self.told.is_transient or (self.status is not None and self.status.is_forwarded)


def read_mail(octets: bytes, way: str, envelope: MailEnvelope = NO_ENVELOPE) -> MailReading:
    """`octets`: as it came; line ends as they are. Never raises for what a mail holds."""
    mail = received(octets)
    tokens = _tokens(mail, envelope)
    link = _LINK.search(mail.subject)
    wishes = [token for token in tokens if token.startswith("u")]
    if wishes or (link and not is_of_a_daemon(mail, envelope.sender)):
        named = link[1] if link else ""
        own = mail.value("message-id")
        asked = (
            Unsubscription(token, named, _key(own, token, named) if own else "") for token in wishes or [""]
        )
        return MailReading(unsubscriptions=tuple(asked))
    quoted = quoted_in(mail)
    found = _findings(mail, envelope, quoted, is_to_token=bool(tokens))
    if isinstance(found, str):
        return MailReading(why=found)
    token = next(iter(tokens), quoted.token)
    return MailReading(tuple(_reports(found, mail, octets, way, token, quoted.message_id)))


def _tokens(mail: ReceivedMail, envelope: MailEnvelope) -> list[str]:
    """Of whom the mail is to, the nearest first."""
    named = [value for name in _ADDRESSED for value in mail.values(name)[:5]]
    return tokens_in("\n".join([*envelope.recipients, *named]))


def _findings(
    mail: ReceivedMail, envelope: MailEnvelope, quoted: QuotedMail, *, is_to_token: bool
) -> list[_Finding] | str:
    is_daemons = is_of_a_daemon(mail, envelope.sender)
    if part := delivery_status.status_part(mail, is_of_a_daemon=is_daemons):
        statuses = delivery_status.statuses(mail, part)
        if statuses:
            return [_Finding(one.kind, one.address, one.told, one.reporter, one) for one in statuses]
    elif part := complaint.report_part(mail):
        spam = complaint.complaint(mail, part)
        return _complaints(spam, quoted) if spam else "a feedback report that is no complaint"
    elif spam := complaint.of_microsoft(mail):
        return _complaints(spam, quoted)
    elif any(leaf.content_type == "message/disposition-notification" for leaf in mail.leaves):
        return _of_a_disposition(mail, quoted)
    if not mail.value("x-failed-recipients") and is_automatic_reply(mail):
        return "an automatic reply"
    if not is_daemons or is_answer(mail):
        return "a mail that somebody wrote"
    return _of_words(mail, quoted) or "no report that could be read"


def _complaints(spam: complaint.SpamReport, quoted: QuotedMail) -> list[_Finding]:
    told = ToldWords(words=spam.words)
    addresses = spam.addresses or (quoted.to,)
    return [_Finding(ReportKind.COMPLAINED, address, told, spam.reporter) for address in addresses]


def _of_a_disposition(mail: ReceivedMail, quoted: QuotedMail) -> list[_Finding] | str:
    """A receipt that says that it was read is none; a rule that refuses (RFC 5429) may write one too."""
    part = next(leaf for leaf in mail.leaves if leaf.content_type == "message/disposition-notification")
    lines = part.text.lower().splitlines()[:100]
    modes = [line for line in lines if line.startswith("disposition:")]
    if not any("automatic-action" in mode and "deleted" in mode for mode in modes):
        return "a receipt"
    addresses = [address_in(line.partition(":")[2]) for line in lines if line.startswith("final-recipient:")]
    address = next(filter(None, addresses), quoted.to)
    told = told_of(mail, address)
    return [
        _Finding(ReportKind.BOUNCED, address, told._replace(code=told.code, status=told.status or "5.7.0"))
    ]


def _of_words(mail: ReceivedMail, quoted: QuotedMail) -> list[_Finding]:
    said = f"{mail.subject}\n{own_text(mail)}"
    found = found_addresses(mail)
    is_delayed = says_delayed(said) or bool(found.delayed)
    addresses = _of_others(mail, quoted, found.failed or found.delayed)
    if not addresses and not is_titled_a_daemon(mail):  # a null path alone: people's programs answer so, too
        return []
    if not addresses and not (is_delayed or says_failed(said)):
        return []
    kind = ReportKind.DELAYED if is_delayed else ReportKind.BOUNCED
    named = (address for line in lines_of(own_text(mail)) for address in addresses_in(line))
    addresses = addresses or _of_others(mail, quoted, named)[:1] or [quoted.to]
    return [_Finding(kind, one, told_of(mail, one), _host_of(mail)) for one in addresses[:MOST_NAMED_READ]]


def _of_others(mail: ReceivedMail, quoted: QuotedMail, addresses: Iterable[str]) -> list[str]:
    """Without what texts name as well: who writes, to whom, and a Message-ID."""
    own = {address_in(mail.value(name)).lower() for name in ("from", "to", "delivered-to", "x-original-to")}
    own.add(quoted.message_id.strip("<>").lower())
    return [address for address in addresses if address.lower() not in own and not tokens_in(address)]


def _host_of(mail: ReceivedMail) -> str:
    return address_in(mail.value("from")).rpartition("@")[2][:255]


def _reports(
    found: Iterable[_Finding], mail: ReceivedMail, octets: bytes, way: str, token: str, message_id: str
) -> Iterable[Report]:
    same = _identity(mail)
    for one in found:
        at = one.status.at if one.status else moment(mail.value("date"))
        words = (same, one.kind, token, message_id, one.address.lower(), one.told.status, str(at or ""))
        yield Report(
            kind=one.kind,
            way=way,
            key=_key(*words),
            token=token,
            message_id=message_id,
            address=one.address,
            at=at,
            code=one.told.code,
            status=one.told.status,
            words=one.told.words,
            reporter=one.reporter,
            is_transient=one.kind is ReportKind.BOUNCED and one.blames_nobody_at_once,
            raw=octets[:MOST_RAW_OCTETS],
        )


def _key(*words: str) -> str:
    return blake2b("\0".join(words).encode("utf-8", "replace"), digest_size=24).hexdigest()


def _identity(mail: ReceivedMail) -> str:
    """The same however it came: what servers put before it on the way is left out."""
    if own := mail.value("message-id"):
        return own
    body = mail.whole.data[mail.whole.start : mail.whole.end]
    return blake2b(body + mail.value("date").encode("utf-8", "replace"), digest_size=24).hexdigest()
