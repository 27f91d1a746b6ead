"""Remarks on a letter, whoever gets it: on its tags, its links, on what it lacks."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import unquote

from mailroom.content.check import NO_LINK_HERE, SHOWN, filled_fields
from mailroom.content.content import Content
from mailroom.content.links.unsubscribe import HOW_TO_LINK, UNSUBSCRIBE_TAG, lacks_link
from mailroom.content.merge.names import identifier
from mailroom.content.merge.plain import MergeError
from mailroom.content.merge.tags import TAGS_OF_EVERYBODY, heading_hint, unknown_tags
from mailroom.content.preflight.enclosures import named_in, seen_text
from mailroom.content.preflight.kinds import Kind
from mailroom.content.preflight.links import (
    LINK_SHOWN,
    images_without_alt,
    is_decided,
    links_of,
    problem_of,
)
from mailroom.content.text.references import unescaped

BAD_LINKS_NAMED = 20
UNKNOWN_NAMED = 50
NAMES_COMPARED = 1_000

_LEFT = re.compile(
    r"\W*(?:(?:a |the |my |this is a |just a )?test(?:ing|e?mail| e?-?mails?| mailing| message| nachricht)?|"
    r"subject|betreff|objet|asunto|oggetto|untitled|no subject|asdf+|foo|xxx+)[\W\d]*",
    re.IGNORECASE,
).fullmatch

FIELD_WORDS = {
    "subject": "the subject",
    "text": "the text",
    "html": "the HTML",
    "headers": "a header",
    "attachments": "the name of a file",
}


class Remark(NamedTuple):
    """What holds for every recipient."""

    kind: Kind
    message: str


class Tags(NamedTuple):
    """What a letter's tags are: remarks, and whether its messages can be built at all."""

    remarks: list[Remark]
    unknown: frozenset[str]
    can_be_built: bool


def remarks_of(content: Content) -> Iterator[Remark]:
    """All but those of its tags."""
    if _LEFT(content.subject.strip()):
        yield Remark(Kind.TEST_SUBJECT, f"The subject still says “{content.subject.strip()}”.")
    if (word := _missing_file(content)) is not None:
        yield Remark(
            Kind.ATTACHMENT_MISSING,
            f"It says “{word}”, and no file comes along. Attach it, or say it otherwise.",
        )
    if lacks_link(content):
        yield Remark(
            Kind.NO_UNSUBSCRIBE_LINK,
            f"This is bulk mail, and nobody sees in it how to unsubscribe. {HOW_TO_LINK}",
        )
    yield from _remarks_of_links(content)
    if number := images_without_alt(content.html):
        pictures = "A picture has" if number == 1 else f"{number:,} pictures have"
        yield Remark(
            Kind.IMAGE_WITHOUT_ALT,
            f'{pictures} no alternative text, for those who see no pictures. Say what it shows: alt="..."; '
            'for mere decoration alt="".',
        )
    yield from _unused_pictures(content)
    if content.html.strip() and not content.text.strip():
        yield Remark(
            Kind.NO_TEXT,
            "There is HTML and no text beside it: some people read text only, and filters distrust it. "
            "Write the text, too.",
        )


def tags_of(content: Content, columns: Sequence[str]) -> Tags:
    """`columns`: the names that recipients have values for."""
    known = [*columns, UNSUBSCRIBE_TAG] if content.is_bulk else list(columns)
    remarks: dict[Remark, None] = {}
    unknown: dict[str, None] = {}
    can_be_built = True
    for field, source, _ in filled_fields(content):
        try:
            unknown |= dict.fromkeys(unknown_tags(source, known))
        except MergeError as trouble:
            can_be_built = False
            sentence = heading_hint(source, known) or str(trouble)
            remarks[Remark(Kind.TEMPLATE_ERROR, f"In {FIELD_WORDS[field]}: {sentence}")] = None
    for name in list(unknown)[:UNKNOWN_NAMED]:
        remarks[Remark(Kind.UNKNOWN_VARIABLE, _about_unknown(name, known))] = None
    return Tags(list(remarks), frozenset(unknown), can_be_built)


def nearest(name: str, known: Sequence[str]) -> str:
    """The known name that is most like it; "" when none is."""
    names = {identifier(one): one for one in [*TAGS_OF_EVERYBODY, *known[:NAMES_COMPARED]]}
    close = difflib.get_close_matches(identifier(name)[:SHOWN], names, 1, 0.6)
    return names[close[0]] if close else ""


def _about_unknown(name: str, known: Sequence[str]) -> str:
    if name == UNSUBSCRIBE_TAG:
        return NO_LINK_HERE
    nobody = f"No recipient has a value for {{{{ {name[:SHOWN]} }}}}."
    if near := nearest(name, known):
        return f"{nobody} Do you mean {{{{ {near} }}}}?"
    return nobody


def _missing_file(content: Content) -> str | None:
    """The word that speaks of a file, when there is none beside the pictures of the HTML."""
    if any(not file.content_id for file in content.attachments):
        return None
    return named_in(content.subject, content.text, seen_text(content.html)) or None


def _unused_pictures(content: Content) -> Iterator[Remark]:
    shown = unquote(unescaped(content.html))
    for file in content.attachments:
        if file.content_id and f"cid:{file.content_id.strip('<>')}" not in shown:
            yield Remark(
                Kind.UNUSED_PICTURE,
                f"The picture “{file.filename[:SHOWN]}” comes along, and nothing in the HTML shows it: "
                f'write <img src="cid:{file.content_id[:SHOWN]}">, or leave it out.',
            )


def _remarks_of_links(content: Content) -> Iterator[Remark]:
    pictures = {(file.content_id or "").strip("<>") for file in content.attachments}
    bad = 0
    for link in links_of(content):
        if is_decided(link) and (problem := problem_of(link, pictures)):
            bad += 1
            if bad <= BAD_LINKS_NAMED:
                yield Remark(Kind.HTTP_LINK, about_link(link, problem))
    if bad > BAD_LINKS_NAMED:
        yield Remark(Kind.HTTP_LINK, f"And {bad - BAD_LINKS_NAMED:,} more links like these.")


def about_link(link: str, problem: str) -> str:
    shown = link if len(link) <= LINK_SHOWN else f"{link[:LINK_SHOWN]}…"
    return f"The link “{shown}” {problem}." if shown else "A link leads nowhere: its address is empty."
