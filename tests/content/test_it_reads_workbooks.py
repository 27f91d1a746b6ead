"""Workbooks as LibreOffice, Excel, Google and Apple write them: the same people, and values as written."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from mailroom.content.recipients.files.list_file import parse_file
from mailroom.content.recipients.parsed import Parsed
from mailroom.content.recipients.table import Wishes
from tests.content.workbooks import row, rows, text, xlsx

LISTS = Path(__file__).parent / "lists"


def read(data: bytes, wishes: Wishes | None = None) -> Parsed:
    return parse_file(io.BytesIO(data), wishes or Wishes())


def one(data: bytes) -> dict[str, object]:
    (recipient,) = read(data).recipients
    return {"address": recipient.address, "name": recipient.name, **(recipient.variables or {})}


@pytest.mark.parametrize("kind", ["ods", "xls", "xlsx"])
def test_what_libreoffice_writes(kind: str) -> None:
    """A title above the headings, empty rows, formulas, numbers that are text, two in one cell."""
    parsed = read((LISTS / f"guests.{kind}").read_bytes())

    assert (parsed.sheet, parsed.sheets, parsed.refusal) == ("Gäste", ["Read me", "Gäste"], "")
    assert parsed.columns == ["vorname", "nachname", "seats", "price", "total", "until", "zip"]
    assert [(one.address, one.name) for one in parsed.recipients] == [
        ("ann@example.org", "Jérôme Müller"),
        ("bob@example.org", "Zoë Łoś"),
        ("cleo@example.org", "Zoë Łoś"),
    ]
    ann, bob, _ = [list((one.variables or {}).values())[2:] for one in parsed.recipients]
    assert ann == ["42", "7.5", "315", "2026-12-31", "01067"]
    assert bob == ["0", "0.1", "0", "2026-01-02", "007"]
    assert parsed.problems == [] and parsed.rows == 2


def test_what_excel_writes() -> None:
    shared = (
        "<si><t>E-mail</t></si><si><r><rPr><b/></rPr><t xml:space='preserve'>Ann </t></r><r><t>Lee</t></r>"
        "<rPh sb='0' eb='1'><t>x</t></rPh></si><si><t xml:space='preserve'>  ann@example.org </t></si>"
    )
    heads = (
        '<c r="A1" t="s"><v>0</v></c>',
        "Name",
        "Since",
        "At",
        "Paid",
        "Sum",
        "Bad",
        "Share",
        "Text",
        "Big",
    )
    people = (
        '<c r="A2" t="s"><v>2</v></c>',
        '<c r="B2" t="s"><v>1</v></c>',
        '<c r="C2" s="1"><v>46387</v></c>',
        '<c r="D2" s="2"><v>46387.395833333336</v></c>',
        '<c r="E2" t="b"><v>1</v></c>',
        '<c r="F2"><f>0.1+0.2</f><v>0.30000000000000004</v></c>',
        '<c r="G2" t="e"><f>1/0</f><v>#DIV/0!</v></c>',
        '<c r="H2" s="3"><v>0.25</v></c>',
        '<c r="I2" t="str"><f>"00"&amp;7</f><v>007</v></c>',
        '<c r="J2"><v>1.0E+21</v></c>',
    )
    assert one(xlsx({"Tabelle1": rows(heads, people)}, shared=shared)) == {
        "address": "ann@example.org",
        "name": "Ann Lee",
        "since": "2026-12-31",
        "at": "2026-12-31T09:30:00",
        "paid": "true",
        "sum": "0.3",
        "bad": "",
        "share": "0.25",
        "text": "007",
        "big": "1000000000000000000000",
    }


def test_what_google_writes() -> None:
    """A thousand styled rows and 26 columns, nearly all of them empty."""
    empty = "".join(
        f'<row r="{n}">{"".join(f"""<c r="{chr(65 + m)}{n}" s="1"/>""" for m in range(26))}</row>'
        for n in range(4, 1001)
    )
    parsed = read(
        xlsx(
            {"Sheet1": rows(("email", "city"), ("ann@example.org", "Rome"), ("bob@example.org", "")) + empty}
        )
    )
    assert [(one.address, one.variables) for one in parsed.recipients] == [
        ("ann@example.org", {"city": "Rome"}),
        ("bob@example.org", {"city": ""}),
    ]
    assert parsed.problems == []


def test_what_numbers_writes() -> None:
    """A summary with links first, and each table's name as a merged title."""
    summary = rows(
        ("This document was exported from Numbers.",), ("", "Numbers Sheet Name", "Numbers Table Name")
    )
    table = rows(("Guests",), ("Name", "Mail"), ("Ann Lee", "ann@example.org"))
    data = xlsx(
        {"Export Summary": summary, "Sheet 1 - Guests": table},
        after='<mergeCells count="1"><mergeCell ref="A1:B1"/></mergeCells>',
    )
    assert read(data).sheet == "Sheet 1 - Guests"
    assert one(data) == {"address": "ann@example.org", "name": "Ann Lee"}


def test_the_sheet_may_be_chosen_and_a_hidden_one_only_so() -> None:
    sheets = {
        "Secret": rows(("email",), ("eve@example.org",)),
        "Old": rows(("email",), ("old@example.org",)),
        "New": rows(("email",), ("new@example.org",)),
    }
    data = xlsx(sheets, hidden=("Secret",))
    assert [one.address for one in read(data).recipients] == ["old@example.org"]
    assert read(data).sheets == ["Old", "New"]
    for name in ("New", "Secret"):
        parsed = read(data, Wishes(sheet=name))
        assert (parsed.sheet, len(parsed.recipients)) == (name, 1)
    assert read(data, Wishes(sheet="gone")).sheet == "Old"


def test_cells_merged_downwards_have_their_value_in_each_row() -> None:
    table = rows(
        ("email", "firm", "town"),
        ("ann@example.org", "Acme", "Rome"),
        ("bob@example.org",),
        ("cleo@example.org", "", "Bern"),
        ("dora@example.org", "Own", "Oslo"),
    )
    merged = (
        '<mergeCells><mergeCell ref="B2:B4"/><mergeCell ref="C2:C3"/><mergeCell ref="B5:C900"/></mergeCells>'
    )
    parsed = read(xlsx({"S": table}, after=merged))
    assert [tuple((one.variables or {}).values()) for one in parsed.recipients] == [
        *(("Acme", "Rome"), ("Acme", "Rome"), ("Acme", "Bern"), ("Own", "Oslo")),
    ]
    assert parsed.problems == []


def test_a_problem_is_told_with_the_row_that_the_spreadsheet_shows() -> None:
    table = row(3, "email", "town") + row(7, "ann@example.org", "two\nlines") + row(9, "nobody", "x")
    parsed = read(xlsx({"S": table}))
    assert [(problem.line, problem.text) for problem in parsed.problems] == [(9, "nobody")]
    assert (parsed.recipients[0].variables or {}) == {"town": "two\nlines"}


def test_a_column_without_a_heading_is_one_too() -> None:
    table = rows(("email",), ("ann@example.org", "x")) + row(3, "bob@example.org", "", text("C3", "far"))
    assert read(xlsx({"S": table})).columns == ["column_2", "column_3"]


def test_a_workbook_without_addresses_says_so() -> None:
    assert (
        "No column holds e-mail addresses"
        in read(xlsx({"S": rows(("a", "b"), ("1", "2"))})).problems[0].message
    )
    assert read(xlsx({"S": ""})).recipients == []
