from __future__ import annotations

from mailroom.content.recipients.parsed import Recipient, merge
from mailroom.content.recipients.pasted import parse_pasted


def addresses(text: str) -> list[str]:
    return [recipient.address for recipient in parse_pasted(text).recipients]


def test_one_a_line_or_separated() -> None:
    text = "a@x.org\r\nb@x.org, c@x.org; d@x.org\r\re@x.org;\n\n , ;\nmailto:f@x.org,"

    assert addresses(text) == [f"{letter}@x.org" for letter in "abcdef"]
    assert parse_pasted(text).problems == []


def test_names_may_hold_separators_in_quotes() -> None:
    parsed = parse_pasted('"Lee, Ann; Dr." <ann@x.org>, Bob Roe <bob@x.org>;"O\'Neil, \\"Al\\"" <al@x.org>')

    assert parsed.recipients == [
        Recipient("ann@x.org", "Lee, Ann; Dr."),
        Recipient("bob@x.org", "Bob Roe"),
        Recipient("al@x.org", 'O\'Neil, "Al"'),
    ]


def test_names_as_outlook_copies_them() -> None:
    parsed = parse_pasted("Lee, Ann <ann@x.org>; Doe, John <john@x.org>\nRoe, Bob <bob@x.org>")

    assert [recipient.name for recipient in parsed.recipients] == ["Lee, Ann", "Doe, John", "Roe, Bob"]


def test_a_name_with_a_comma_among_comma_separated_ones_is_a_problem() -> None:
    parsed = parse_pasted("ann@x.org, Doe, John <john@x.org>")

    assert [recipient.address for recipient in parsed.recipients] == ["ann@x.org", "john@x.org"]
    assert [(problem.line, problem.text) for problem in parsed.problems] == [(1, "Doe")]


def test_every_bad_one_is_listed_with_its_line() -> None:
    lines = [f"user{number}@example.org" for number in range(1, 501)]
    lines[41], lines[443] = "user42 at example.org", "user444@example"
    parsed = parse_pasted("\n".join(lines))

    assert len(parsed.recipients) == 498
    assert [(problem.line, problem.text) for problem in parsed.problems] == [
        (42, "user42 at example.org"),
        (444, "user444@example"),
    ]
    assert all(problem.message.endswith(".") for problem in parsed.problems)


def test_duplicates_are_dropped_and_reported() -> None:
    parsed = parse_pasted("Ann@x.org\nbob@x.org\nAnn <ann@X.org>, ann@x.org")

    assert [recipient.address for recipient in parsed.recipients] == ["Ann@x.org", "bob@x.org"]
    assert [(entry.line, entry.message) for entry in parsed.duplicates] == [(3, "is on line 1 already")] * 2


def test_an_endless_line_of_quotes_is_read_in_no_time() -> None:
    for nonsense in ('\\"' * 50_000 + ",", '"' * 50_001 + ",", "<" * 50_000 + ";", '"<' * 30_000 + ","):
        assert len(parse_pasted(nonsense).problems) >= 1


def test_lists_are_merged_without_duplicates() -> None:
    merged = merge(parse_pasted("a@x.org\nb@x.org"), parse_pasted("B@x.org\nc@x.org\nnobody"))

    assert [recipient.address for recipient in merged.recipients] == ["a@x.org", "b@x.org", "c@x.org"]
    assert [entry.text for entry in merged.duplicates] == ["B@x.org"]
    assert len(merged.problems) == 1
