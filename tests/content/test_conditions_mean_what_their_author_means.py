"""Values keep their kinds from JSON to the mail; a spreadsheet's texts mean the same in conditions."""

from __future__ import annotations

import pytest

from mailroom.content.check import check
from mailroom.content.content import Content
from mailroom.content.merge.liquid import LiquidTemplate
from mailroom.content.merge.plain import MergeError, PlainTemplate, Value, Values
from mailroom.content.merge.tags import plain_pieces, unknown_tags
from mailroom.content.recipients.columns import columns_of
from tests.content.mail import JOHN

MEMBER = "{% if member %}member{% else %}guest{% endif %}"


def liquid(source: str, values: Values) -> str:
    return LiquidTemplate(source, html=False).render(values)


def says_yes(condition: str, **values: Value) -> bool:
    found = {
        liquid(f"{{% if {condition} %}}yes{{% else %}}no{{% endif %}}", values),
        liquid(f"{{% unless {condition} %}}no{{% else %}}yes{{% endunless %}}", values),
        liquid(f"{{% if false or {condition} %}}yes{{% else %}}no{{% endif %}}", values),
        liquid(f"{{% if {condition} and 1 %}}yes{{% else %}}no{{% endif %}}", values),
    }
    assert len(found) == 1
    return found == {"yes"}


@pytest.mark.parametrize("values", [{}, *({"member": v} for v in (False, None, "", " ", "false", "FALSE"))])
def test_who_is_no_member_gets_the_other_text(values: dict[str, Value]) -> None:
    assert liquid(MEMBER, values) == "guest"
    assert not says_yes("member", **values)


@pytest.mark.parametrize("value", [True, "x", "true", "TRUE", "no", 0, 1, 0.0, "0"])
def test_all_else_is_a_member(value: Value) -> None:
    assert liquid(MEMBER, {"member": value}) == "member"
    assert says_yes("member", member=value)


@pytest.mark.parametrize(
    ("condition", "five"),
    [
        *(
            ("age > 3", True),
            ("age >= 5", True),
            ("age < 5", False),
            ("age <= 4.5", False),
            ("3 < age", True),
        ),
        *(("age == 5", True), ("age != 5", False), ("age == 5.0", True), ("age > 9.5", False)),
    ],
)
def test_a_number_is_compared_as_one_wherever_it_comes_from(condition: str, five: bool) -> None:
    for value in (5, 5.0, "5", " 5", "5.0"):
        assert says_yes(condition, age=value) is five


def test_nothing_is_neither_more_nor_less_than_a_number() -> None:
    for value in (None, "", " "):
        assert not any(says_yes(f"age {sign} 3", age=value) for sign in ("<", ">", "<=", ">=", "=="))


def test_a_text_that_is_no_number_is_still_refused_beside_one() -> None:
    with pytest.raises(MergeError, match="not supported"):
        liquid("{% if age > 3 %}x{% endif %}", {"age": "five"})


@pytest.mark.parametrize("value", [None, "", "  "])
def test_nothing_equals_every_word_for_it(value: Value) -> None:
    for word in ("nil", "null", "blank", "empty", '""'):
        assert says_yes(f"x == {word}", x=value) and not says_yes(f"x != {word}", x=value)
        assert says_yes(f"{word} == x", x=value) and says_yes(f"x == {word}")
    assert not says_yes("x == false", x=value) and not says_yes('x == "a"', x=value)


def test_true_and_false_are_the_same_as_a_word_and_as_a_value() -> None:
    for value in (True, "true", "TRUE", "True"):
        assert says_yes("x == true", x=value) and not says_yes("x == false", x=value)
    assert says_yes('x == "true"', x=True) and says_yes("x == false", x="FALSE")
    assert not says_yes("x == true", x=1) and not says_yes("x == true", x="yes")


def test_a_choice_is_made_by_the_same_rules() -> None:
    source = "{% case x %}{% when 1 %}one{% when 2, 3 %}few{% when true %}yes{% when '' %}none"
    source += "{% else %}many{% endcase %}"
    for values, word in (
        *(({"x": 1}, "one"), ({"x": "1"}, "one"), ({"x": "3"}, "few"), ({"x": 2.0}, "few")),
        *(
            ({"x": True}, "yes"),
            ({"x": "TRUE"}, "yes"),
            ({"x": None}, "none"),
            ({}, "none"),
            ({"x": "4"}, "many"),
        ),
    ):
        assert liquid(source, values) == word


def test_filters_see_the_same() -> None:
    for value in (None, "", False):
        assert liquid("{{ x | default: 'friend' }}", {"x": value}) == "friend"
    assert liquid("{{ age | plus: 1 }} {{ age | times: 2 }}", {"age": 5}) == "6 10"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        *((42, "42"), (7.5, "7.5"), (7.0, "7.0"), (0, "0"), (-3, "-3"), (True, "true"), (False, "false")),
        *(
            (None, ""),
            ("007", "007"),
            (0.00001, "0.00001"),
            (1e21, "1000000000000000000000"),
            ("FALSE", "FALSE"),
        ),
        (12345678901234567890, "12345678901234567890"),
    ],
)
def test_both_ways_write_a_value_as_it_is_written(value: Value, written: str) -> None:
    pieces = plain_pieces("{{ v }}")
    assert pieces is not None
    for html in (False, True):
        assert PlainTemplate(pieces, html=html).render({"v": value}) == written
        assert LiquidTemplate("{{ v }}", html=html).render({"v": value}) == written


@pytest.mark.parametrize(
    "heading",
    [
        "Vorname",
        "VORNAME",
        "vorname",
        "FirstName",
        "First_Name",
        "Größe",
        "Имя",
        "名前",
        "İsim",
    ],
)
def test_a_tag_may_be_written_as_its_heading_is(heading: str) -> None:
    columns = columns_of([["Email", heading], ["ann@example.org", "Ann"]])
    assert columns is not None
    ((_, tag),) = columns.variables
    source = f"{{{{ {heading} }}}}"
    for written in (source, f"{{{{{tag}}}}}", f"{{% if {tag} %}}{source}{{% endif %}}"):
        assert unknown_tags(written, [tag]) == []
        pieces = plain_pieces(written)
        template = PlainTemplate(pieces, html=False) if pieces else LiquidTemplate(written, html=False)
        assert template.render({tag: "Ann"}) == "Ann"


def test_a_decomposed_heading_is_the_same_as_a_composed_one() -> None:
    assert columns_of([["Email", "Gro\u0308ße"]]) == columns_of([["Email", "Größe"]])


def test_email_and_name_too() -> None:
    assert unknown_tags("{{ Name }} {{ EMAIL }}", []) == []
    assert unknown_tags("{{ Nome }}", []) == ["Nome"]


def test_an_exact_name_goes_first() -> None:
    assert PlainTemplate(["", "Code", ""], html=False).render({"code": "a", "Code": "b"}) == "b"


@pytest.mark.parametrize("heading", ["First Name", "first-name!", "First  Name | upcase", "2nd line"])
def test_a_heading_with_blanks_is_answered_with_its_tag(heading: str) -> None:
    columns = ["first_name", "column_2nd_line"]
    ((field, words),) = check(Content(JOHN, "s", text=f"Dear {{{{ {heading} }}}}"), columns)
    assert field == "text" and any(f"{{{{ {column} }}}}" in words for column in columns)
    assert "cannot be read" not in words
