"""Preview of the form's letter as it is typed, for a sandboxed frame; and what is pasted into it."""

from __future__ import annotations

from collections.abc import Iterator

from flask import make_response
from markupsafe import escape
from werkzeug.wrappers import Response

from mailroom.content.content import Content
from mailroom.content.merge.plain import MergeError
from mailroom.content.whole.letter import Picture
from mailroom.content.writing.converter import NotConverted
from mailroom.content.writing.pasted import markdown_of_pasted
from mailroom.content.writing.written import Format, WrittenLetter
from mailroom.database.blobs import JOINED_AT_ONCE
from mailroom.web.compose.compose_form import ComposeForm
from mailroom.web.compose.submission import content_of
from mailroom.web.letter_frame import FRAME_HEADERS, MOST_DRAWN, framed
from mailroom.web.writing.written_form import WRITTEN_FIELDS

ABOUT_THE_LETTER = {*WRITTEN_FIELDS, "template"}
NOTHING_YET = "There is nothing to be seen yet."


def as_typed(form: ComposeForm) -> Response:
    """Its HTML, or its text where it has none; or what is wrong with it."""
    content = content_of(form)
    problems = [sentence for field, sentence in form.problems if field in ABOUT_THE_LETTER]
    if problems:
        return framed("".join(f"<p>{escape(problem)}</p>" for problem in problems), ())
    if content.html.strip():
        return framed(content.html, pictures_of(content))
    text = content.text if content.text.strip() else NOTHING_YET
    return make_response(text, FRAME_HEADERS | {"Content-Type": "text/plain; charset=utf-8"})


def pictures_of(content: Content) -> Iterator[Picture]:
    """Those that the HTML shows, as far as a page has room for them."""
    room = MOST_DRAWN
    for file in content.attachments:
        if file.content_id and file.size <= room:
            room -= file.size
            yield Picture(file.content_id, file.content_type, b"".join(file.slices(JOINED_AT_ONCE)))


def as_pasted(html: str, format: str) -> str:
    """Cleaned; "" for what cannot be."""
    markdown = markdown_of_pasted(html)
    if format != Format.HTML or not markdown:
        return markdown
    letter = WrittenLetter(Format.MARKDOWN, markdown, layout=None)
    try:
        return letter.made().html or ""
    except (NotConverted, MergeError):
        return ""
