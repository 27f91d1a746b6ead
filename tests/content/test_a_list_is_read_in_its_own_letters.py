"""Unicode is recognised for sure, a code page never: it is guessed, and every likely reading is offered."""

from __future__ import annotations

import io
import time

import pytest

from mailroom.content.recipients.files.csv_encoding import LIST_ENCODINGS, choices, encoding_named, reading_of
from mailroom.content.recipients.files.csv_file import first_rows, parse_csv

CITIES = {
    "cp1251": ("Иван,Москва", "Мария,Тверь"),
    "koi8-r": ("Иван,Москва", "Мария,Тверь"),
    "cp866": ("Иван,Москва", "Мария,Тверь"),
    "mac-cyrillic": ("Иван,Москва", "Мария,Тверь"),
    "mac-roman": ("Jérôme,Genève", "François,Zürich"),
    "cp1252": ("Müller,Zürich", "Jérôme,Genève"),
    "cp1250": ("Wójcik,Łódź", "Žižka,Děčín"),
    "iso8859-2": ("Wójcik,Łódź", "Žižka,Děčín"),
    "cp932": ("山田太郎,東京都", "佐藤花子,大阪"),
    "gb18030": ("张伟,北京", "王芳,上海"),
    "big5": ("陳大文,台北", "林美玲,高雄"),
    "cp949": ("김철수,서울", "이영희,부산"),
    "cp1253": ("Γιώργος,Αθήνα", "Μαρία,Πάτρα"),
    "iso2022_jp": ("山田太郎,東京都", "佐藤花子,大阪"),
}
GUESSED = CITIES.keys() - {"cp1250"}
"""It looks like Windows-1252 when it is as short as this."""


def file(encoding: str, rows: tuple[str, ...]) -> io.BytesIO:
    lines = ["email,name,city", *(f"p{number}@x.org,{row}" for number, row in enumerate(rows))]
    return io.BytesIO("\n".join(lines).encode(encoding))


@pytest.mark.parametrize("encoding", CITIES)
def test_a_code_page_is_never_sure_and_always_among_the_choices(encoding: str) -> None:
    data = file(encoding, CITIES[encoding])
    reading, offered = reading_of(data), choices(data)

    assert not reading.is_sure
    assert offered[0].codec == reading.codec
    assert offered[0].codec == encoding or encoding not in GUESSED
    (right,) = (choice for choice in offered if choice.codec == encoding)
    assert right.words.startswith(CITIES[encoding][0].partition(",")[0])
    for choice in offered:
        assert choice.label == LIST_ENCODINGS[choice.codec] and choice.words.isprintable()


@pytest.mark.parametrize("encoding", CITIES)
def test_what_somebody_chose_is_what_is_read(encoding: str) -> None:
    data = file(encoding, CITIES[encoding])
    parsed = parse_csv(data, encoding)

    assert [f"{one.name},{(one.variables or {})['city']}" for one in parsed.recipients] == [*CITIES[encoding]]
    assert first_rows(data, encoding, 2)[1] == ["p0@x.org", *CITIES[encoding][0].split(",")]


@pytest.mark.parametrize("row", ["Иван,Москва", "山田,東京", "Ann,Rome", "Zoë,Zürich", "محمد,القاهرة"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_is_sure_with_or_without_its_mark(encoding: str, row: str) -> None:
    data = file(encoding, (row,))

    assert reading_of(data).is_sure
    (one,) = parse_csv(data).recipients
    assert f"{one.name},{(one.variables or {})['city']}" == row


def test_ascii_is_sure_and_a_few_foreign_letters_at_the_end_are_not() -> None:
    head = b"email,city\n" + b"".join(b"p%d@x.org,Rome\n" % number for number in range(20_000))
    assert reading_of(io.BytesIO(head)).is_sure
    tail = io.BytesIO(head + "last@x.org,Псков\n".encode("cp1251"))
    assert not reading_of(tail).is_sure
    assert choices(tail)[0].words == "Псков"


def test_a_choice_that_does_not_fit_is_refused() -> None:
    data = file("cp1251", ("Иван,Москва",))
    for name in ("utf-8-sig", "cp932", "iso2022_jp"):
        parsed = parse_csv(data, name)
        assert parsed.recipients == [] and "cannot be read as" in parsed.refusal


def test_encodings_go_by_their_names_of_everyday() -> None:
    for name, codec in (
        *(("windows-1251", "cp1251"), ("CP1251", "cp1251"), ("macintosh", "mac-roman")),
        *(("Shift_JIS", "cp932"), ("sjis", "cp932"), ("utf-8", "utf-8-sig"), ("UTF8", "utf-8-sig")),
        *(("latin-1", "cp1252"), ("ISO-8859-2", "iso8859-2"), ("latin2", "iso8859-2"), ("GBK", "gb18030")),
        *(("utf-16", "utf-16"), ("UTF-16LE", "utf-16-le"), ("euc-kr", "cp949"), ("koi8-r", "koi8-r")),
    ):
        assert encoding_named(name) == codec, name
    assert all(encoding_named(name) == name for name in LIST_ENCODINGS)
    for name in ("", "nonsense", "rot13", "hex", "zlib", "idna", "unicode_escape", "../x", "x" * 10_000):
        assert encoding_named(name) is None


@pytest.mark.parametrize("octets", [b"\xff" * 3_000_000, b"\xe9," * 1_000_000, b"\x81\x40\n" * 700_000])
def test_a_guess_takes_no_longer_for_an_odd_file(octets: bytes) -> None:
    started = time.process_time()
    data = io.BytesIO(b"email\nann@x.org\n" + octets)
    reading_of(data), choices(data)
    assert time.process_time() - started < 5  # half a second or so
