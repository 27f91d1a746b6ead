from __future__ import annotations

import pytest

from mailroom.content.merge.local_filters import LOCALES
from mailroom.content.merge.plain import MergeError, Value
from mailroom.content.merge.tags import parse_template


def filled(tag: str, value: Value = "1234.5", *, html: bool = False) -> str:
    template = parse_template(f"{{{{ value | {tag} }}}}", html=html)
    assert template
    return template.render({"value": value}).replace("\u202f", " ").replace("\xa0", " ")


@pytest.mark.parametrize(
    ("tag", "value", "written"),
    [
        ('number: locale: "de"', "1234.5", "1.234,5"),
        ('number: locale: "fr", digits: 2', 1234.5, "1 234,50"),
        ("number", 1234567, "1,234,567"),
        ('number: locale: "de-CH"', "-1234.50", "-1’234.50"),
        ('money: "EUR", locale: "de"', "1234.5", "1.234,50 €"),
        ('money: "USD"', 7, "$7.00"),
        ('money: "JPY", locale: "ja"', "1234", "￥1,234"),
        ('percent: locale: "de"', "12", "12 %"),
        ("percent: digits: 1", "7.25", "7.2%"),
        ('local_date: locale: "de"', "2026-12-31", "31. Dezember 2026"),
        ('local_date: locale: "en-GB", format: "short"', "2026-12-31T18:30", "31/12/2026"),
        ('local_date: locale: "fr", format: "full"', "2026-12-31", "jeudi 31 décembre 2026"),
        ('local_time: locale: "en-US"', "2026-12-31T18:30", "6:30 PM"),
        ("number", "0." + "0" * 19 + "1", "0." + "0" * 19 + "1"),
        ("number", "1234567890" * 2 + "." + "9" * 20, "12,345,678,901,234,567,890." + "9" * 20),
        ("number: digits: 10", "9" * 20 + "." + "9" * 20, "100,000,000,000,000,000,000.0000000000"),
        ("percent: digits: 10", "-" + "9" * 20 + ".5", "-99,999,999,999,999,999,999.5000000000%"),
        ('percent: locale: "ar"', "9" * 20 + ".4", "99,999,999,999,999,999,999%"),
        ('money: "USD"', "9" * 20 + "." + "1" * 20, "$99,999,999,999,999,999,999.11"),
        ("number", 0.0000001, "0.0000001"),
        ("number: digits: 8", -2.5e-7, "-0.00000025"),
        ("times: 0.0000001 | number", "3", "0.0000003"),
        ("times: 0.000001 | percent: digits: 7", "3", "0.0000030%"),
        ('number: locale: "de"', "", ""),
        ('local_date: locale: "de"', None, ""),
    ],
)
def test_as_people_write_it(tag: str, value: Value, written: str) -> None:
    assert filled(tag, value) == written


@pytest.mark.parametrize(
    ("tag", "value", "told"),
    [
        ("number", "1.234,50", "“1.234,50” is no number like 1234.5"),
        ("number", "1e400", "is no number"),
        ("number", "9" * 30, "is no number"),
        ("number", 1e22, "“10000000000000000000000” is no number"),
        ("number", float("nan"), "“nan” is no number"),
        ("number: digits: 99", "1", "digits are a whole number up to 10"),
        ('number: locale: "../../etc/passwd"', "1", "there is no locale “../../etc/passwd”"),
        ('number: locale: "xx"', "1", "there is no locale “xx”"),
        ('money: "<b>"', "1", "“<b>” is no currency like EUR"),
        ("local_date", "31.12.2026", "“31.12.2026” is no date like 2026-12-31"),
        ('local_date: format: "yyyy yyyy"', "2026-12-31", "a date is written short, medium, long or full"),
        ("local_date", "x" * 201, "is given more than 200 characters"),
        ("number: nope: 1", "1", "number"),
        ("modulo: 7 | number", "1e400", "a number in it is too large to count with"),
        ("ceil", "1e400", "a number in it is too large to count with"),
    ],
)
def test_what_cannot_be_written_is_told(tag: str, value: str, told: str) -> None:
    with pytest.raises(MergeError) as refused:
        filled(tag, value)
    assert told in str(refused.value)


def test_every_locale_writes_both_and_without_marks_of_direction() -> None:
    for locale in sorted(LOCALES):
        written = filled(f'money: "EUR", locale: "{locale}"', "-1234.5")
        assert written and not set(written) & {"\u200e", "\u200f", "\u061c"}, locale
        assert filled(f'local_date: locale: "{locale}"', "2026-12-31"), locale
        assert filled(f'percent: locale: "{locale}"', "12"), locale


def test_a_loop_of_them_is_bounded() -> None:
    template = parse_template('{% for i in (1..9999) %}{{ i | money: "EUR", locale: "de" }}{% endfor %}')
    assert template
    with pytest.raises(MergeError, match="takes more work"):
        template.render({})
