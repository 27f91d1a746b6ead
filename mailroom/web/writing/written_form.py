"""The fields of a letter that is written on a page: its format, a source for each, the layout around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from mailroom.content.merge.plain import MergeError
from mailroom.content.templates.own_texts import OwnTexts
from mailroom.content.templates.slots import has_slots
from mailroom.content.templates.template_letter import TemplateLetter
from mailroom.content.writing.converter import NotConverted
from mailroom.content.writing.layout import LETTERHEAD_LAYOUT, Layout
from mailroom.content.writing.written import FORMATS, Format, WrittenLetter, refuse_in_slots
from mailroom.content.writing.written_template import source_of
from mailroom.web.form_problems import FormProblems

TEXT_BESIDE = "text_beside"
"""The text of a letter that is written otherwise; a form without this field has it in `text`."""

LAYOUT_FIELDS = ("layout", "layout_colour", "layout_logo", "layout_footer")
WRITTEN_FIELDS = ("format", "text", "html", "markdown", "mjml", TEXT_BESIDE, *LAYOUT_FIELDS)


class SaidLetter(NamedTuple):
    """`format`: None where text and HTML are mailed as they are."""

    own: OwnTexts
    format: Format | None = None


def said_by(
    form: FormProblems, typed: Mapping[str, str], name: str, template: TemplateLetter | None = None
) -> SaidLetter:
    """What the form's letter says; `name`: whose it is. What is wrong becomes a problem of the form."""
    written = written_in(form, typed, name, has_template=template is not None)
    if written is None:
        return SaidLetter(OwnTexts(text=_lines(typed, "text"), html=_lines(typed, "html")))
    if made := made_of(form, written, template):
        return SaidLetter(made, written.format)
    # It stays as it is, so that everything else is checked as well.
    return SaidLetter(OwnTexts(text=written.source, html=""))


def written_in(
    form: FormProblems, typed: Mapping[str, str], name: str, *, has_template: bool
) -> WrittenLetter | None:
    """None: text and HTML as they are, as programs have always sent them."""
    format = _format(form, typed)
    if format is None:
        return None
    beside = _lines(typed, TEXT_BESIDE if TEXT_BESIDE in typed else "text")
    layout = None if has_template else _layout(form, typed, format, name)
    return WrittenLetter(format, _lines(typed, format.value), beside, layout)


def made_of(
    form: FormProblems, written: WrittenLetter, template: TemplateLetter | None = None
) -> OwnTexts | None:
    """None: nothing can be made of it, which is a problem of the form then."""
    try:
        refuse_in_slots(written.format, template is not None and has_slots(template.html))
        return written.made()
    except (NotConverted, MergeError) as trouble:
        form.refuse(written.format.value, str(trouble))
        return None


def fields_of(letter: TemplateLetter) -> dict[str, str]:
    """The fields that describe this letter."""
    source = source_of(letter)
    if source is None:
        return format_fields(letter.text, letter.html)
    layout = source.layout or Layout()
    return {
        "format": source.format.value,
        source.format.value: source.source,
        TEXT_BESIDE: source.text,
        "layout": layout.kind,
        "layout_colour": layout.colour,
        "layout_logo": layout.logo,
        "layout_footer": layout.footer,
    }


def format_fields(text: str, html: str) -> dict[str, str]:
    """Of a letter of which only text and HTML are known."""
    if html.strip():
        return {"format": Format.HTML.value, "html": html, TEXT_BESIDE: text}
    return {"format": Format.TEXT.value, "text": text}


def field_of(typed: Mapping[str, str], name: str) -> str:
    """The field in which somebody mends what is wrong with the mail's text or HTML."""
    format = typed.get("format", "")
    if name not in ("text", "html") or format not in FORMATS:
        return name
    return TEXT_BESIDE if name == "text" and typed.get(TEXT_BESIDE, "").strip() else format


def _format(form: FormProblems, typed: Mapping[str, str]) -> Format | None:
    chosen = typed.get("format", "")
    if chosen in FORMATS:
        return Format(chosen)
    if chosen:
        form.refuse("format", f"Choose one of these: {', '.join(FORMATS)}.")
    return next((one for one in (Format.MARKDOWN, Format.MJML) if typed.get(one, "").strip()), None)


def _layout(form: FormProblems, typed: Mapping[str, str], format: Format, name: str) -> Layout:
    kind, colour, logo, footer = (typed.get(field, "").strip() for field in LAYOUT_FIELDS)
    layout = Layout(kind or LETTERHEAD_LAYOUT, colour, logo, footer.replace("\r\n", "\n"), name)
    if format == Format.MARKDOWN and (problem := layout.problem()):
        form.refuse("layout", problem)
        return Layout(name=name)
    return layout


def _lines(typed: Mapping[str, str], field: str) -> str:
    return typed.get(field, "").replace("\r\n", "\n")
