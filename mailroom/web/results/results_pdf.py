"""A report as PDF: the figures, tables and pictures of its page, for paper and for those who have no key.

The typesetter is loaded when somebody wants a file. What it is given is bounded, and escaped: its paragraphs
read markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any
from xml.sax.saxutils import escape

from flask import Response, current_app

from mailroom.engine.results.domains import DomainFigures, Spread
from mailroom.web.layout.filters import duration, number, utc
from mailroom.web.results.drawing import DrawnPicture
from mailroom.web.results.pdf_font import NOT_SHOWN, PDF_FONT, registered, showable
from mailroom.web.results.pictures import reason_code
from mailroom.web.results.told import STATES_OF_A_DOMAIN, Told

REASONS_PRINTED = 20
LONGEST_CELL = 240
"""Characters."""

A4 = (595.0, 842.0)
MARGIN = 42.0
WIDTH = A4[0] - 2 * MARGIN
INK, SOFT, LINE = "#1b2233", "#555b69", "#ded7c8"

_ONE_AT_A_TIME = Lock()
"""A font that several documents read at once is read wrongly; and each takes some memory."""


def download(told: Told, filename: str) -> Response:
    static = Path(str(current_app.static_folder))
    headers = {"Content-Disposition": f'attachment; filename="{filename}"', "Cache-Control": "no-store"}
    return Response(pdf_of(told, static), content_type="application/pdf", headers=headers)


def pdf_of(told: Told, static: Path) -> bytes:
    """`static`: the folder with the font and the colours."""
    with _ONE_AT_A_TIME:
        return _Document(told, static).made()


class _Document:
    def __init__(self, told: Told, static: Path) -> None:
        from reportlab.lib.styles import ParagraphStyle

        self._told, self._known = told, registered(static)
        self._colours = colours_of_states(static)
        plain = ParagraphStyle("plain", fontName=PDF_FONT, fontSize=8, leading=10.5, textColor=INK)
        self._plain = plain
        self._number = ParagraphStyle("number", plain, alignment=2)
        self._soft = ParagraphStyle("soft", plain, textColor=SOFT)
        self._title = ParagraphStyle("title", plain, fontSize=17, leading=21, spaceAfter=4)
        self._head = ParagraphStyle(
            "head", plain, fontSize=11.5, leading=15, spaceBefore=14, spaceAfter=5, keepWithNext=1
        )

    def made(self) -> bytes:
        from reportlab.platypus import SimpleDocTemplate

        out = BytesIO()
        document = SimpleDocTemplate(
            out,
            pagesize=A4,
            **dict.fromkeys(("leftMargin", "rightMargin", "topMargin", "bottomMargin"), MARGIN),
            title=self._text(f"Results: {self._told.mailing.subject}"),
            author="Mailroom",
            lang="en",
        )
        document.build(list(self._flow()), onFirstPage=self._numbered, onLaterPages=self._numbered)
        return out.getvalue()

    def _flow(self) -> Iterable[Any]:
        told, results = self._told, self._told.results
        mailing = told.mailing
        yield self._paragraph(mailing.subject, self._title)
        about = (
            f"from {mailing.sender_name or mailing.sender_address}, {mailing.state}, as of {utc(told.now)}"
        )
        yield self._paragraph(about, self._soft)
        yield self._paragraph("Figures", self._head)
        yield self._table(
            ("What", "Recipients", "Share"),
            [(one.name.capitalize(), number(one.number), _share(one.share)) for one in told.figures],
            (0.5, 0.25, 0.25),
        )
        yield self._paragraph(
            "Bounced, complained and unsubscribed are shares of what the mail server took; the others of all "
            f"recipients. First handed over {_moment(told.first_at)}, last {_moment(told.last_at)}. "
            f"Time taken, from the first try: {_spread(results.domains.took)}.",
            self._soft,
        )
        yield from self._chapter("States over time", "course")
        if told.course_states:
            yield self._table(
                ("Until", *(state.value.capitalize() for state in told.course_states)),
                [
                    (
                        utc(told.at(step.after_ms)),
                        *(number(step.counts.get(state, 0)) for state in told.course_states),
                    )
                    for step in told.course()
                ],
            )
        if results.reasons.told:
            yield from self._chapter("Failures by reason", "reasons")
            yield self._table(
                ("Reason", "Recipients", "One of them"),
                [
                    (
                        " ".join(filter(None, (reason_code(one), one.words))),
                        number(one.number),
                        one.example,
                    )
                    for one in results.reasons.told[:REASONS_PRINTED]
                ],
                (0.38, 0.14, 0.48),
            )
        yield from self._chapter("By domain", "domains")
        yield self._domains(results.domains.largest)
        if results.domains.slowest:
            yield from self._chapter("Slowest domains", "slowest")
            yield self._domains(results.domains.slowest)
        yield from self._chapter("What came back over time", "returns")
        if told.results.returns:
            yield self._table(
                ("Until", "Bounced", "Called spam"),
                [
                    (utc(told.at(one.after_ms)), number(one.bounced), number(one.complained))
                    for one in told.returns()
                ],
            )
        else:
            yield self._paragraph("Nothing came back.", self._soft)
        yield self._paragraph(f"{NOT_SHOWN} stands for a sign that this file's font cannot show.", self._soft)

    def _chapter(self, title: str, picture: str) -> Iterable[Any]:
        yield self._paragraph(title, self._head)
        drawn = self._told.pictures.get(picture)
        if drawn is not None:
            yield self._drawing(drawn)

    def _domains(self, rows: Sequence[DomainFigures]) -> Any:
        states = [state.value.capitalize() for state in STATES_OF_A_DOMAIN]
        return self._table(
            ("Domain", "Recipients", *states, "Deferred", "Half in", "95 % in"),
            [
                (
                    one.domain,
                    number(one.total),
                    *(number(one.counts.get(state, 0)) for state in STATES_OF_A_DOMAIN),
                    number(one.deferred),
                    *((duration(took) for took in one.took) if one.took else ("–", "–")),
                )
                for one in rows
            ],
            (0.3, *(0.1,) * 7),
        )

    def _table(
        self, heading: Sequence[str], rows: Sequence[Sequence[str]], shares: Sequence[float] | None = None
    ) -> Any:
        from reportlab.platypus import Table

        widths = [WIDTH * share for share in shares or [1 / len(heading)] * len(heading)]
        cells = [[self._cell(text, place, self._soft) for place, text in enumerate(heading)]]
        cells += [[self._cell(text, place, self._plain) for place, text in enumerate(row)] for row in rows]
        lines = [
            ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("TOPPADDING", (0, 0), (-1, -1), 2),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
            ("LEFTPADDING", (0, 0), (0, -1), 0),
        ]
        return Table(cells, colWidths=widths, repeatRows=1, style=lines, hAlign="LEFT")

    def _cell(self, text: str, place: int, style: Any) -> Any:
        is_figure = place and text[:1].isdigit() and len(text) < 24
        return self._paragraph(text, self._number if is_figure else style)

    def _paragraph(self, text: str, style: Any) -> Any:
        from reportlab.platypus import Paragraph

        return Paragraph(escape(self._text(text)), style)

    def _text(self, text: str) -> str:
        cut = text if len(text) <= LONGEST_CELL else f"{text[: LONGEST_CELL - 1]}…"
        return showable(cut, self._known)

    def _drawing(self, picture: DrawnPicture) -> Any:
        from reportlab.graphics.shapes import Drawing, Line, Polygon, Rect, String

        legend = 18 if len(picture.tones) > 1 else 4
        drawing = Drawing(WIDTH, picture.height + legend)

        def across(per_cent: float) -> float:
            return per_cent * WIDTH / 100

        def up(pixels: float) -> float:
            return picture.height + legend - pixels

        def write(x: float, y: float, text: str, anchor: str = "start") -> None:
            shown = self._text(text)
            drawing.add(
                String(x, y, shown, fontName=PDF_FONT, fontSize=8, fillColor=_colour(SOFT), textAnchor=anchor)
            )

        for area in picture.areas:
            points = [place for x, y in area.points for place in (across(x), up(y))]
            drawing.add(Polygon(points, fillColor=_colour(self._colours[area.tone]), strokeColor=None))
        for bar in picture.bars:
            corner = across(bar.x), up(bar.y + bar.height)
            fill = _colour(self._colours[bar.tone])
            drawing.add(Rect(*corner, across(bar.width), bar.height, fillColor=fill, strokeColor=None))
        for line in picture.lines:
            colour = _colour(INK if line.kind == "mark" else LINE)
            ends = across(line.x1), up(line.y1), across(line.x2), up(line.y2)
            drawing.add(Line(*ends, strokeColor=colour, strokeWidth=1.4 if line.kind == "mark" else 0.6))
        for words in picture.words:
            write(across(words.x), up(words.y), words.text, words.anchor)
        x = 0.0
        for tone, word in picture.tones if len(picture.tones) > 1 else ():
            drawing.add(Rect(x, 3, 7, 7, fillColor=_colour(self._colours[tone]), strokeColor=None))
            write(x + 10, 3, word)
            x += 24 + 5 * len(word)
        return drawing

    def _numbered(self, canvas: Any, document: Any) -> None:
        canvas.setFont(PDF_FONT, 7)
        canvas.setFillColor(_colour(SOFT))
        canvas.drawRightString(A4[0] - MARGIN, MARGIN / 2, str(document.page))


@cache
def colours_of_states(static: Path) -> dict[str, str]:
    """By tone, on paper: the light ones of the pages."""
    tokens = (static / "css" / "tokens.css").read_text(encoding="utf-8")
    return dict(re.findall(r"--([a-z]+): light-dark\((#[0-9a-f]{6}),", tokens))


@cache
def _colour(hexadecimal: str) -> Any:
    from reportlab.lib.colors import HexColor

    return HexColor(hexadecimal)


def _share(share: float | None) -> str:
    return "" if share is None else f"{share * 100:.1f} %"


def _moment(moment: datetime | None) -> str:
    return "–" if moment is None else utc(moment)


def _spread(spread: Spread | None) -> str:
    return (
        "unknown"
        if spread is None
        else f"half of them {duration(spread.median_ms)}, 95 % {duration(spread.p95_ms)}"
    )
