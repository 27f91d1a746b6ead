"""A letter from a file: Markdown, HTML or MJML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple, TextIO

import click

from mailroom.content.addresses import Address
from mailroom.content.merge.plain import MergeError
from mailroom.content.templates.own_texts import OwnTexts
from mailroom.content.templates.slots import has_slots
from mailroom.content.templates.template_letter import TemplateLetter
from mailroom.content.writing.converter import NotConverted
from mailroom.content.writing.layout import LETTERHEAD_LAYOUT, Layout
from mailroom.content.writing.written import Format, WrittenLetter, refuse_in_slots

ONE_FILE = "Give one of --html, --markdown and --mjml: each is the whole letter."


class LetterFromFile(NamedTuple):
    """`format`: None for HTML and text that are mailed as they are."""

    own: OwnTexts
    format: Format | None


def written_in(
    files: Mapping[Format, TextIO | None],
    text: str,
    layout: str | None,
    sender: Address,
    template: TemplateLetter | None,
) -> LetterFromFile:
    """Raises NotConverted, and MergeError for slots that do not fit."""
    given = {format: file.read() for format, file in files.items() if file}
    if len(given) > 1:
        raise NotConverted(ONE_FILE)
    format = next(iter(given), None)
    if layout and format != Format.MARKDOWN:
        raise NotConverted("--layout is of --markdown.")
    if format is None or format == Format.HTML:
        return LetterFromFile(OwnTexts(text=text, html=given.get(Format.HTML, "")), None)
    refuse_in_slots(format, template is not None and has_slots(template.html))
    around = None if template else Layout(layout or LETTERHEAD_LAYOUT, name=sender.name or sender.address)
    return LetterFromFile(WrittenLetter(format, given[format], text, around).made(), format)


@contextmanager
def stopped() -> Iterator[None]:
    """Ends the command where nothing can be made of the letter."""
    try:
        yield
    except (NotConverted, MergeError) as trouble:
        raise click.ClickException(f"Not sent.\n  {trouble}") from None
