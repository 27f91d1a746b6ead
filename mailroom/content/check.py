"""Validation of a content: what is wrong with it, found before it is accepted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice

from mailroom.content.addresses import UNSAFE_IN_ADDRESS, Address
from mailroom.content.content import LONGEST_SUBJECT, Attachment, Content
from mailroom.content.header.authors import AUTHOR_FIELDS, SIGNATURES, VERDICTS
from mailroom.content.header.part_names import part_names
from mailroom.content.header.unseen import misplaced_in_header
from mailroom.content.links.unsubscribe import UNSUBSCRIBE_PATH, UNSUBSCRIBE_TAG, list_problem
from mailroom.content.merge.plain import MergeError, Values
from mailroom.content.merge.tags import (
    TAGS_OF_EVERYBODY,
    first_refusal,
    has_tags,
    heading_hint,
    trial,
    unknown_tags,
)
from mailroom.content.message.custom_headers import personal_header, structure_problem
from mailroom.content.message.file_names import MOST_FILLED_NAMES, personal_file_name
from mailroom.content.message.mime import CONTENT_TYPE
from mailroom.content.recipients.parsed import Recipient
from mailroom.content.text.characters import misplaced

Finding = tuple[str, str]

_FIELD_NAME = re.compile(r"[!-9;-~]{1,60}").fullmatch
_CONTENT_ID = re.compile(r"<?[!-;=?-~]{1,200}>?").fullmatch
_SURROGATE = re.compile("[\ud800-\udfff]").search
_BREAK = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]").search

_OURS = {
    *("to", "cc", "bcc", "reply-to", "subject", "date", "message-id", "mime-version"),
    *("return-path", "received", "delivered-to", *AUTHOR_FIELDS, *VERDICTS, *SIGNATURES),
}
_OUR_PREFIXES = ("content-", "resent-", "arc-")


MOST_UNKNOWN, MOST_KNOWN, SHOWN = 10, 30, 80
"""Tags without a value that are named, names that there are, and characters of one."""

LONGEST_NAME, LONGEST_FILENAME, LONGEST_CONTENT_TYPE = 1_000, 255, 200
LONGEST_VALUE = 10_000
"""Characters, of a further header's value."""
MOST_HEADERS_TEXT = 64 * 1024
"""Characters of all further headers: a word of another script takes a microsecond for each to be encoded,
and nobody else's mail is sent meanwhile."""

MOST_BAD_HEADERS = 10
"""That are named."""

MOST_FILLED_HEADERS = 10
"""Each is rendered and encoded for every mail."""

NO_LINK_HERE = (
    f"Only bulk mail has {{{{ {UNSUBSCRIBE_TAG} }}}}: say that this is bulk mail, or take the tag out."
)

TRIED = 10
"""For so many recipients Liquid is rendered before it is accepted: a loop without end shows with each."""


UNFILLED = {
    "sender": "the sender's name",
    "reply_to": "the names of Reply-To",
    "headers": "a header's name",
}
"""Where merge tags mean nothing, by field."""


def check(content: Content, columns: Sequence[str], recipients: Sequence[Recipient] = ()) -> list[Finding]:
    """Every problem as (field of the form, sentence); empty when the content can be mailed.

    `columns` are the names that the recipients' variables have.
    """
    tags = _check_tags(content, list(columns), recipients) if content.is_personal else ()
    return [*check_but_tags(content, recipients), *tags]


def check_but_tags(content: Content, recipients: Sequence[Recipient] = ()) -> list[Finding]:
    """The same without what its merge tags make of it, which preflight says by row."""
    return [
        *_check_addresses(content, recipients),
        *_check_subject(content),
        *_check_bodies(content),
        *(_check_unfilled(content) if content.is_personal else ()),
        *_check_headers(content),
        *(("list", problem) for problem in [list_problem(content)] if problem),
        *(("attachments", problem) for a in content.attachments if (problem := _attachment_problem(a))),
        *(("attachments", problem) for problem in [_too_many_filled_names(content)] if problem),
    ]


def _check_addresses(content: Content, recipients: Sequence[Recipient]) -> Iterator[Finding]:
    fields: dict[str, tuple[Address, ...]] = {
        "sender": (content.sender,),
        "reply_to": content.reply_to,
        "to": content.to,
        "cc": content.cc,
    }
    for field, addresses in fields.items():
        if not addresses:
            continue
        if any(
            UNSAFE_IN_ADDRESS.search(address.name) or UNSAFE_IN_ADDRESS.search(address.address)
            for address in addresses
        ):
            yield field, "A name or address cannot contain a line break or another control character."
        elif reason := next(filter(None, (misplaced(address.name) for address in addresses)), ""):
            yield field, f"A name here {reason}."
        elif max(len(address.name) for address in addresses) > LONGEST_NAME:
            yield field, f"A name here has more than {LONGEST_NAME:,} characters."
    if content.is_personal and max((len(one.name) for one in recipients), default=0) > LONGEST_NAME:
        yield "recipients", f"A recipient's name has more than {LONGEST_NAME:,} characters."
    if not content.sender.address:
        yield "sender", "Say who the mail is from."


def _check_subject(content: Content) -> Iterator[Finding]:
    if not content.subject.strip():
        yield "subject", "Write a subject."
    elif _BREAK(content.subject):
        yield "subject", "The subject cannot contain a line break or another control character."
    elif _SURROGATE(content.subject):
        yield "subject", "The subject holds a character that is not valid Unicode."
    elif reason := misplaced(content.subject):
        yield "subject", f"The subject {reason}."
    elif len(content.subject) > LONGEST_SUBJECT:
        yield "subject", f"The subject has more than {LONGEST_SUBJECT:,} characters."


def _check_bodies(content: Content) -> Iterator[Finding]:
    if not content.text.strip() and not content.html.strip():
        yield "text", "Write a text, or an HTML body, or both."
    for field, body in (("text", content.text), ("html", content.html)):
        if _SURROGATE(body):
            yield field, "This holds a character that is not valid Unicode."
        elif "\0" in body:
            yield field, "This holds a NUL character, which no mail can. Remove it."


def _check_tags(content: Content, columns: list[str], recipients: Sequence[Recipient]) -> Iterator[Finding]:
    if content.is_bulk:
        columns = [*columns, UNSUBSCRIBE_TAG]
    for field, source, attempt in filled_fields(content):
        try:
            unknown = unknown_tags(source, columns)
        except MergeError as trouble:
            yield field, heading_hint(source, columns) or str(trouble)
            continue
        there_are = _named([*dict.fromkeys([*TAGS_OF_EVERYBODY, *columns])], MOST_KNOWN) if unknown else ""
        if UNSUBSCRIBE_TAG in unknown:
            unknown.remove(UNSUBSCRIBE_TAG)
            yield field, NO_LINK_HERE
        for name in unknown[:MOST_UNKNOWN]:
            yield field, f"No recipient has a value for {{{{ {name[:SHOWN]} }}}}. There are: {there_are}."
        if len(unknown) > MOST_UNKNOWN:
            yield field, f"And there are {len(unknown) - MOST_UNKNOWN:,} more such tags."
        if not unknown and (words := attempt(_some(recipients, content))):
            yield field, words


Attempt = Callable[[Iterable[tuple[str, Values]]], str]
"""What goes wrong for the first of these people that it does not work for; "" when it works for all."""


def filled_fields(content: Content) -> Iterator[tuple[str, str, Attempt]]:
    """Where merge tags are filled: the field, its source, and how it is tried."""
    for field, source in (("subject", content.subject), ("text", content.text), ("html", content.html)):
        if has_tags(source):
            yield field, source, partial(trial, source, html=field == "html")
    for name, value in content.headers:
        if has_tags(value):
            yield "headers", value, partial(_try_header, name, value)
    for file in content.attachments:
        if has_tags(file.filename):
            yield "attachments", file.filename, partial(_try_file_name, file.filename)


def _try_header(name: str, value: str, people: Iterable[tuple[str, Values]]) -> str:
    header = personal_header(name, value)
    return first_refusal(header.render, people) if header else ""


def _try_file_name(name: str, people: Iterable[tuple[str, Values]]) -> str:
    filled = personal_file_name(name, str)
    return first_refusal(filled.render, people) if filled else ""


def _check_unfilled(content: Content) -> Iterator[Finding]:
    """Merge tags where none are filled: they would be mailed as they stand."""
    places = {
        "sender": [content.sender.name],
        "reply_to": [address.name for address in content.reply_to],
        "headers": [name for name, _ in content.headers],
    }
    for field, texts in places.items():
        if any(map(has_tags, texts)):
            yield field, f"Merge tags are not filled in {UNFILLED[field]}: write it out."


def _named(names: Sequence[str], most: int) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _some(recipients: Sequence[Recipient], content: Content) -> Iterator[tuple[str, Values]]:
    """The address and the values of a few, the first and the last among them."""
    last = len(recipients) - 1
    link = {UNSUBSCRIBE_TAG: f"https://example.org{UNSUBSCRIBE_PATH}{'x' * 120}"} if content.is_bulk else {}
    for at in sorted({last * place // (TRIED - 1) for place in range(TRIED)} if recipients else ()):
        one = recipients[at]
        yield one.address, {**link, "email": one.address, "name": one.name, **(one.variables or {})}


def _check_headers(content: Content) -> Iterator[Finding]:
    def is_filled(value: str) -> bool:
        return content.is_personal and has_tags(value)

    if sum(len(name) + len(value) for name, value in content.headers) > MOST_HEADERS_TEXT:
        yield "headers", f"Further headers have at most {MOST_HEADERS_TEXT:,} characters in all."
        return
    if sum(is_filled(value) for _, value in content.headers) > MOST_FILLED_HEADERS:
        yield "headers", f"At most {MOST_FILLED_HEADERS} further headers can hold merge tags."
        return
    problems = (_own_header_problem(name, value, is_filled(value)) for name, value in content.headers)
    yield from (("headers", problem) for problem in islice(filter(None, problems), MOST_BAD_HEADERS))


def _own_header_problem(name: str, value: str, is_filled: bool) -> str:
    if name.lower() in _OURS or name.lower().startswith(_OUR_PREFIXES):
        return f"The header {name} is set by Mailroom."
    if problem := header_problem(name, value):
        return problem
    reason = "" if is_filled else structure_problem(name, value)
    return f"The header {name} {reason}." if reason else ""


def header_problem(name: str, value: str) -> str:
    """Why this is no header that somebody may add, in a sentence; "" when it is one."""
    if not _FIELD_NAME(name):
        return f"“{name[:80]}” cannot be the name of a header."
    if _BREAK(value) or _SURROGATE(value):
        return f"The header {name} cannot contain a line break or another control character."
    if reason := misplaced(value) or misplaced_in_header(value):
        return f"The header {name} {reason}."
    return (
        f"The header {name} has more than {LONGEST_VALUE:,} characters." if len(value) > LONGEST_VALUE else ""
    )


def _too_many_filled_names(content: Content) -> str:
    filled = sum(has_tags(file.filename) for file in content.attachments) if content.is_personal else 0
    return f"At most {MOST_FILLED_NAMES} files can have merge tags in their names." * (
        filled > MOST_FILLED_NAMES
    )


def _attachment_problem(attachment: Attachment) -> str:
    if _BREAK(attachment.filename) or _SURROGATE(attachment.filename):
        return "The name of a file cannot contain a line break or another control character."
    if reason := misplaced(attachment.filename):
        return f"The name of a file {reason}."
    shown = f"“{attachment.filename[:80]}”"
    if len(attachment.filename) > LONGEST_FILENAME:
        return f"{shown}, the name of a file, has more than {LONGEST_FILENAME} characters."
    if len(attachment.content_type) > LONGEST_CONTENT_TYPE or not CONTENT_TYPE(attachment.content_type):
        return f"{shown} has no valid content type."
    names = part_names("content-type", attachment.content_type)
    if reason := next(filter(None, map(misplaced_in_header, names)), ""):
        return f"The content type of {shown} {reason}."
    if attachment.content_id is not None and not _CONTENT_ID(attachment.content_id):
        return f"{shown} has no valid content id."
    return ""
