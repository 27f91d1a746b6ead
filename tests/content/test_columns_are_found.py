"""What a column means: by its heading, in many languages, or by what is in it."""

from __future__ import annotations

import io

import pytest

from mailroom.content.recipients.files.list_file import parse_file
from mailroom.content.recipients.parsed import Parsed, Recipient
from mailroom.content.recipients.table import Wishes


def read(*lines: str, column: str = "") -> Parsed:
    return parse_file(io.BytesIO("\n".join(lines).encode()), Wishes(column=column))


@pytest.mark.parametrize(
    ("first", "last"),
    [
        *(("First Name", "Last Name"), ("firstName", "lastName"), ("Given name", "Surname")),
        *(("Vorname", "Nachname"), ("Vorname", "Name"), ("Prénom", "Nom"), ("PRENOM", "NOM DE FAMILLE")),
        *(("Nombre", "Apellidos"), ("Nome", "Cognome"), ("Nome", "Sobrenome"), ("Voornaam", "Achternaam")),
        *(("Förnamn", "Efternamn"), ("Imię", "Nazwisko"), ("Имя", "Фамилия"), ("名", "姓")),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_first_and_last_make_the_name_and_stay_variables(first: str, last: str, turned: bool) -> None:
    cells = [(first, "Ann"), (last, "Lee"), ("E-Mail", "ann@x.org")]
    heads, values = zip(*(cells[::-1] if turned else cells), strict=True)
    parsed = read(";".join(heads), ";".join(values), ";;bob@x.org" if not turned else "bob@x.org;;")
    ann, bob = parsed.recipients
    assert (ann.name, bob.name) == ("Ann Lee", "")
    assert set((ann.variables or {}).values()) == {"Ann", "Lee"}


def test_a_list_of_ours_keeps_its_columns() -> None:
    """A mailing that is copied travels as a file: whole name, and the columns that it had."""
    parsed = read("email,name,vorname,name_2", "ann@x.org,Ann Lee,Ann,Lee", "bob@x.org,Bob Roe,Bob,Roe")
    assert parsed.columns == ["vorname", "name_2"]
    assert parsed.recipients[0] == Recipient("ann@x.org", "Ann Lee", {"vorname": "Ann", "name_2": "Lee"})


def test_a_name_alone_is_the_whole_one_and_a_first_name_alone_all_there_is() -> None:
    assert read("Nom,Courriel", "Ann Lee,ann@x.org").recipients[0].name == "Ann Lee"
    assert read("Vorname,E-Mail", "Ann,ann@x.org").recipients[0].name == "Ann"
    assert read("name,first name,email", "Ann Lee,Ann,ann@x.org").recipients[0].name == "Ann Lee"
    assert read("Vorname,Name,E-Mail", "Ann,Ann Lee,ann@x.org").recipients[0].name == "Ann Lee"
    assert read("Vorname,E-Mail", ",Ann Lee <ann@x.org>").recipients[0].name == "Ann Lee"


@pytest.mark.parametrize(
    "heading",
    [
        *("E-Mail", "eMail", "E-Mail-Adresse", "Adresse e-mail", "Courriel", "Correo electrónico"),
        *("Indirizzo e-mail", "Endereço de e-mail", "E-mailadres", "E-postadress", "Sähköposti", "Почта"),
        *("Электронная почта", "メールアドレス", "电子邮件", "電子郵件", "이메일", "E-posta"),
    ],
)
def test_the_heading_decides_between_two_columns_of_addresses(heading: str) -> None:
    parsed = read(f"invited by,{heading}", "boss@x.org,ann@x.org", "boss@x.org,bob@x.org")
    assert [one.address for one in parsed.recipients] == ["ann@x.org", "bob@x.org"]


def test_without_a_heading_that_says_so_the_column_with_most_addresses_is_it() -> None:
    parsed = read("hint,contact", "boss@x.org,ann@x.org", ",bob@x.org", ",cleo@x.org")
    assert len(parsed.recipients) == 3 and parsed.columns == ["hint"]


def test_somebody_s_choice_goes_before_all() -> None:
    parsed = read("email,private", "ann@x.org,ann@home.org", "bob@x.org,", column="2")
    assert [one.address for one in parsed.recipients] == ["ann@home.org"]
    assert parsed == read("email,private", "ann@x.org,ann@home.org", "bob@x.org,", column="Private")
    assert parsed.columns == ["email_2"] and parsed.problems[0].line == 3
    assert read("a@x.org,b@y.org", column="2").recipients[0].address == "b@y.org"
    assert len(read("email", "a@x.org", column="7").recipients) == 1


def test_titles_above_the_headings_are_passed_over() -> None:
    parsed = read("Guest list 2026,,", "as of May,,", ",,", "Town,Who,Mail to", "Rome,Ann,ann@x.org")
    assert parsed.recipients == [Recipient("ann@x.org", "", {"town": "Rome", "who": "Ann"})]
    assert read("Kunden", "Adresse;Ort", "ann@x.org;Bern").columns == ["ort"]
    assert parsed.table is not None and (parsed.table.start, parsed.problems) == (3, [])


def test_nobody_who_stands_between_headings_and_the_first_address_is_passed_over() -> None:
    parsed = read("who,where", "Ann,", "Bob,nowhere", "Cleo,cleo@x.org")
    assert [problem.line for problem in parsed.problems] == [2, 3] and len(parsed.recipients) == 1


def test_columns_without_headings_are_named_by_what_is_in_them() -> None:
    parsed = read(
        "ann@x.org,2026-12-31,+49 170 1234567,https://x.org/a,Rome,42",
        "bob@x.org,31.12.2026,,https://x.org/b,,",
    )
    assert parsed.columns == ["date", "phone", "link", "column_5", "column_6"]


@pytest.mark.parametrize(
    "cell",
    [
        *("ann@x.org, bob@x.org", "ann@x.org; bob@x.org;", "ann@x.org bob@x.org", "ann@x.org / bob@x.org"),
        *("ann@x.org\nbob@x.org", "Lee, Ann <ann@x.org>; Roe, Bob <bob@x.org>", "ann@x.org ::: bob@x.org"),
        *("<ann@x.org>,<bob@x.org>", '"Lee; Ann" <ann@x.org>, bob@x.org'),
    ],
)
def test_several_addresses_in_a_cell_are_several_recipients(cell: str) -> None:
    quoted = cell.replace('"', '""')
    parsed = read("email|n", f'"{quoted}"|1')
    assert [(one.address, one.variables) for one in parsed.recipients] == [
        *(("ann@x.org", {"n": "1"}), ("bob@x.org", {"n": "1"})),
    ]
    assert parsed.problems == []
