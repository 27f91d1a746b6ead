"""A letter as it is written: in one of the formats, perhaps with a text of its own beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from mailroom.content.templates.own_texts import OwnTexts
from mailroom.content.text.html_text import text_of_html
from mailroom.content.writing.converter import ConverterBusy, NotConverted, converted
from mailroom.content.writing.hidden_tags import HiddenTags
from mailroom.content.writing.inlining import inlined
from mailroom.content.writing.layout import Layout, in_layout
from mailroom.content.writing.mjml_source import MjmlProblem, MjmlSource, problem_in_words


class Format(StrEnum):
    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"
    MJML = "mjml"


FORMATS = list(Format)


@dataclass(frozen=True, slots=True)
class WrittenLetter:
    """`text`: what stands beside the HTML; "" has it made. Of a text alone it is the letter.
    `layout`: of Markdown; None where a template has it. `is_filled`: whether merge tags mean anything in it.
    """

    format: Format
    source: str
    text: str = ""
    layout: Layout | None = field(default_factory=Layout)
    is_filled: bool = True

    def made(self) -> OwnTexts:
        """Text and HTML of the mail. Raises NotConverted, and MergeError for slots that do not fit."""
        if not self.source.strip():
            return OwnTexts(text=self.text if self.format != Format.TEXT else "", html="")
        match self.format:
            case Format.TEXT:
                return OwnTexts(text=self.source, html="")
            case Format.MARKDOWN:
                return self._of_markdown()
            case Format.MJML:
                return self._beside(_html_of_mjml(HiddenTags(self.source, is_filled=self.is_filled)))
            case Format.HTML:
                return self._beside(self.source)

    def _beside(self, html: str) -> OwnTexts:
        return OwnTexts(text=self.text if self.text.strip() else text_of_html(html), html=html)

    def _of_markdown(self) -> OwnTexts:
        letter = self._of(self.source)
        if self.layout is not None:
            if problem := self.layout.problem():
                raise NotConverted(problem)
            footer = self._of(self.layout.footer) if self.layout.footer.strip() else OwnTexts()
            letter = in_layout(letter, footer, self.layout)
        return letter._replace(text=self.text) if self.text.strip() else letter

    def _of(self, markdown: str) -> OwnTexts:
        tags = HiddenTags(markdown, is_filled=self.is_filled)
        made = converted("markdown", tags.commented_lines())
        if lost := tags.lost(made["html"]):
            raise NotConverted(f"{lost[:80]} has no place where it stands: give it a line of its own.")
        return OwnTexts(text=tags.put_back(made["text"]), html=tags.put_back(made["html"]))


def _html_of_mjml(tags: HiddenTags) -> str:
    try:
        source = MjmlSource(tags)
    except MjmlProblem as trouble:
        raise NotConverted(tags.put_back(str(trouble))) from None
    try:
        html = converted("mjml", source.ready)["html"]
    except ConverterBusy:
        raise
    except NotConverted as trouble:
        raise NotConverted(problem_in_words(source, str(trouble))) from None
    if lost := tags.lost(html):
        raise NotConverted(f"{lost[:80]} has no place where it stands: put it into <mj-text> or <mj-raw>.")
    html = tags.put_back(html)
    wishes_it = 'inline="inline"' in tags.source
    return inlined(html, keep_style=True, is_filled=tags.is_filled) if wishes_it else html


def refuse_in_slots(format: Format | None, has_slots: bool) -> None:
    """Raises NotConverted for a whole letter that would stand within another."""
    if format == Format.MJML and has_slots:
        raise NotConverted(
            "MJML is a whole letter, and the template has slots: fill them with Markdown or HTML."
        )


def finished(html: str, format: Format | None, *, is_filled: bool = True) -> str:
    """HTML with its styles inlined, once it is whole: a template's rules are about a letter in it, too.
    `format`: None for HTML that is mailed as it came. Raises ConverterBusy.
    """
    return inlined(html, is_filled=is_filled) if format in (Format.MARKDOWN, Format.HTML) else html
