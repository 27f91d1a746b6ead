"""Workbooks laid out by hand, as the programs that write them do: sheets of raw cells, zipped."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
STYLES = (
    f'<styleSheet xmlns="{MAIN}"><numFmts count="1"><numFmt numFmtId="164" formatCode="dd/mm/yyyy hh:mm"/>'
    "</numFmts><cellXfs count='4'><xf/><xf numFmtId='14'/><xf numFmtId='164'/><xf numFmtId='10'/></cellXfs>"
    "</styleSheet>"
)
"""Of a cell: s="1" is a date, s="2" a date with its time, s="3" a share in percent."""


def text(place: str, words: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escape(words)}</t></is></c>'


def row(number: int, *cells: str) -> str:
    """Cells of words; one that begins with `<c ` is taken as it is."""
    places = (chr(ord("A") + n) + str(number) for n in range(len(cells)))
    made = (
        cell if cell.startswith("<c ") else text(place, cell)
        for place, cell in zip(places, cells, strict=True)
        if cell
    )
    return f'<row r="{number}">{"".join(made)}</row>'


def rows(*lines: tuple[str, ...]) -> str:
    return "".join(row(number, *line) for number, line in enumerate(lines, 1))


def xlsx(
    sheets: Mapping[str, str],
    *,
    shared: str = "",
    after: str = "",
    hidden: tuple[str, ...] = (),
    extra: Mapping[str, bytes] | None = None,
) -> bytes:
    """`sheets`: the rows of each by its name; `after`: what follows them in each, such as merged cells."""
    numbered = list(enumerate(sheets, 1))
    listed = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="rId{n}"'
        + (' state="hidden"/>' if name in hidden else "/>")
        for n, name in numbered
    )
    links = "".join(
        f'<Relationship Id="rId{n}" Type="{OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n, _ in numbered
    )
    others = {"styles": 900, "sharedStrings": 901}
    links += "".join(
        f'<Relationship Id="rId{n}" Type="{OFFICE}/{name}" Target="{name}.xml"/>'
        for name, n in others.items()
    )
    parts = {
        "[Content_Types].xml": f'{HEAD}<Types xmlns="{PACKAGE}/content-types"/>',
        "_rels/.rels": f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'{HEAD}<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{listed}</sheets>'
        "</workbook>",
        "xl/_rels/workbook.xml.rels": f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships">{links}'
        "</Relationships>",
        "xl/styles.xml": HEAD + STYLES,
        "xl/sharedStrings.xml": f'{HEAD}<sst xmlns="{MAIN}">{shared}</sst>',
    }
    for n, name in numbered:
        sheet = f'<worksheet xmlns="{MAIN}"><sheetData>{sheets[name]}</sheetData>{after}</worksheet>'
        parts[f"xl/worksheets/sheet{n}.xml"] = HEAD + sheet
    return zipped({**{name: words.encode() for name, words in parts.items()}, **(extra or {})})


def zipped(parts: Mapping[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return data.getvalue()


def lying(data: bytes, size: int = 100) -> bytes:
    """The same archive, whose directory says that everything in it is small."""
    out, place = bytearray(data), 0
    while (place := data.find(b"PK\x01\x02", place)) >= 0:
        struct.pack_into("<I", out, place + 24, size)
        place += 4
    return bytes(out)
