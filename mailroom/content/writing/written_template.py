"""A template as it is written: its source is kept beside the HTML and text that were made of it."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from mailroom.content.templates.slots import filled_slots
from mailroom.content.templates.template_letter import TemplateLetter
from mailroom.content.text.html_text import text_of_html
from mailroom.content.writing.layout import PLAIN_LAYOUT, Layout
from mailroom.content.writing.written import Format, WrittenLetter, finished


def written_as(letter: TemplateLetter, source: WrittenLetter) -> TemplateLetter:
    """The template saying this. Raises NotConverted, and MergeError for slots that do not fit."""
    slots = filled_slots(source.source)
    if slots and source.layout:
        # Its own slots are for whoever sends with it, and not for the letterhead's.
        source = replace(source, layout=replace(source.layout, kind=PLAIN_LAYOUT))
    said = source.made()
    html = said.html or ""
    if not slots:
        html = finished(html, source.format)
    if source.format == Format.HTML and not source.text.strip():
        return replace(letter, html=html, text="", written=_kept(source))
    return replace(letter, html=html, text=said.text or text_of_html(html), written=_kept(source))


def source_of(letter: TemplateLetter) -> WrittenLetter | None:
    """What it was written as; None where its HTML and text are what somebody wrote."""
    if letter.written is None:
        return None
    kept = dict(letter.written)
    layout = kept.pop("layout")
    return WrittenLetter(**{**kept, "format": Format(kept["format"])}, layout=layout and Layout(**layout))


def _kept(source: WrittenLetter) -> dict[str, Any]:
    layout = asdict(source.layout) if source.layout and source.format == Format.MARKDOWN else None
    return {
        "format": source.format.value,
        "source": source.source,
        "text": source.text,
        "layout": layout,
    }
