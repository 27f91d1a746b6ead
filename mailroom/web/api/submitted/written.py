"""Letters of programs, in whichever format they came, made into what is mailed."""

from __future__ import annotations

from mailroom.content.merge.plain import MergeError
from mailroom.content.templates.own_texts import OwnTexts
from mailroom.content.templates.slots import has_slots
from mailroom.content.templates.template_letter import TemplateLetter
from mailroom.content.writing.converter import ConverterBusy, NotConverted
from mailroom.content.writing.layout import PLAIN_LAYOUT, Layout
from mailroom.content.writing.written import Format, WrittenLetter, refuse_in_slots
from mailroom.web.api.errors import Unprocessable
from mailroom.web.api.requests.emails import EmailRequest
from mailroom.web.api.requests.letters import LayoutRequest
from mailroom.web.api.requests.mailings import LetterToMany
from mailroom.web.api.requests.templates import TemplateRequest, TemplateUpdateRequest
from mailroom.web.api.submitted.made_texts import note_made

Writing = EmailRequest | LetterToMany | TemplateRequest | TemplateUpdateRequest

ONE_OF_THEM = "Give one of `html`, `markdown` and `mjml`: each is the whole letter."


def format_of(asked: Writing) -> Format | None:
    """None: HTML or text, which are mailed as they are. Raises ApiError."""
    given = [name for name in ("html", "markdown", "mjml") if getattr(asked, name) is not None]
    if len(given) > 1:
        raise Unprocessable(f"`{given[1]}`: {ONE_OF_THEM}")
    if given and given != ["html"] and not getattr(asked, given[0]).strip():
        raise Unprocessable(f"`{given[0]}`: Write a letter, or leave it out.")
    if asked.layout is not None and given != ["markdown"]:
        raise Unprocessable("`layout`: Only a letter in `markdown` has one.")
    return Format(given[0]) if given and given != ["html"] else None


def letter_of(asked: Writing, format: Format, *, is_filled: bool = True, name: str = "") -> WrittenLetter:
    return WrittenLetter(
        format, getattr(asked, format) or "", asked.text or "", _layout(asked, name), is_filled=is_filled
    )


def own_texts(
    letter: EmailRequest | LetterToMany, *, is_filled: bool, template: TemplateLetter | None = None
) -> OwnTexts:
    """What the letter says itself. Raises ApiError, with the field."""
    format = format_of(letter)
    if format is None:
        return OwnTexts(letter.subject, letter.text, letter.html)
    sender = letter.from_
    written = letter_of(
        letter, format, is_filled=is_filled, name=(sender.name or sender.address) if sender else ""
    )
    if template is not None:
        written = WrittenLetter(format, written.source, written.text, None, is_filled=is_filled)
    said = said_in(written, template)
    note_made(said.text, said.html)
    return said._replace(subject=letter.subject)


def said_in(written: WrittenLetter, template: TemplateLetter | None = None) -> OwnTexts:
    """Raises ApiError, with the field."""
    try:
        refuse_in_slots(written.format, template is not None and has_slots(template.html))
        return written.made()
    except ConverterBusy:
        raise
    except (NotConverted, MergeError) as trouble:
        raise Unprocessable(f"`{written.format}`: {trouble}") from None


def _layout(asked: Writing, name: str) -> Layout:
    if isinstance(asked.layout, LayoutRequest):
        return asked.layout.chosen(name)
    return Layout(kind=PLAIN_LAYOUT, name=name) if asked.layout == PLAIN_LAYOUT else Layout(name=name)
