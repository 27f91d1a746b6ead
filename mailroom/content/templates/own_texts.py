"""Own texts beside a template's: they stand in its slots, or where it has none instead of what it says."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from markupsafe import escape

from mailroom.content.merge.plain import Values
from mailroom.content.templates.filling import FilledLetter, filled
from mailroom.content.templates.slots import PlacedTexts, has_slots, in_slots, outside_marks, with_defaults
from mailroom.content.templates.template_letter import TemplateLetter
from mailroom.content.text.html_text import text_of_html

_TAGS = re.compile(r"(\{\{[^{}]{0,1000}\}\}|\{%[^{}]{0,1000}%\})")
_EMPTY_LINES = re.compile(r"\n[ \t]*\n\s*")


class OwnTexts(NamedTuple):
    """What a mailing or an email says itself; None, or nothing but blanks: nothing."""

    subject: str | None = None
    text: str | None = None
    html: str | None = None


def said_with(letter: TemplateLetter, own: OwnTexts) -> TemplateLetter:
    """The template with own texts, whose tags are filled with it. Raises MergeError."""
    said = _beside(letter, _in_html_too(letter, own, escaped_around_tags))
    return replace(said, text=_text_beside(said.text, said.html))


def filled_with(letter: TemplateLetter, own: OwnTexts, values: Values) -> FilledLetter:
    """The template filled, with own texts as they are: what looks like a tag in them is none. Raises
    MergeError.
    """
    kept: list[str] = []
    token = f"own{secrets.token_hex(8)}n"

    def keep(text: str) -> str:
        if not text.strip():
            return text
        kept.append(text)
        return f"{token}{len(kept) - 1}n"

    own = _in_html_too(letter, own, lambda text: str(escape(text)))
    hidden = OwnTexts(*(outside_marks(text, keep) if text else None for text in own))
    said = filled(_beside(letter, hidden), values)
    found, placed = re.compile(rf"{token}(\d+)n"), PlacedTexts()
    subject, text, html = (
        found.sub(lambda place: placed.put(place[1], kept[int(place[1])]), text) for text in said
    )
    return FilledLetter(subject, _text_beside(text, html), html)


def _beside(letter: TemplateLetter, own: OwnTexts) -> TemplateLetter:
    text, html = _either(letter.text, own.text), _either(letter.html, own.html)
    return replace(
        letter,
        subject=own.subject if own.subject and own.subject.strip() else letter.subject,
        text=text,
        html=html,
    )


def _text_beside(text: str, html: str) -> str:
    """Who writes HTML alone, has a text made of it."""
    return text_of_html(html) if html.strip() and not text.strip() else text


def _either(source: str, own: str | None) -> str:
    if own is None or not own.strip():
        return with_defaults(source)
    return in_slots(source, own) if has_slots(source) else own


def _in_html_too(letter: TemplateLetter, own: OwnTexts, escaped: Callable[[str], str]) -> OwnTexts:
    """Who writes a text alone, writes it into the HTML's slots as well."""
    if not own.text or not own.text.strip() or (own.html and own.html.strip()) or not has_slots(letter.html):
        return own
    return own._replace(html=outside_marks(own.text, lambda text: _paragraphs(escaped(text))))


def _paragraphs(escaped: str) -> str:
    text = escaped.replace("\r\n", "\n").strip()
    if not text:
        return ""
    return "\n".join(f"<p>{paragraph}</p>".replace("\n", "<br>\n") for paragraph in _EMPTY_LINES.split(text))


def escaped_around_tags(text: str) -> str:
    """A text as HTML, with its merge tags as they are."""
    return "".join(part if at % 2 else str(escape(part)) for at, part in enumerate(_TAGS.split(text)))
