from __future__ import annotations

import random

import pytest

from mailroom.sink import RuleError, parse_rule
from mailroom.sink.rules import RuleContext, Rules

ANN = RuleContext(connection=1, message=2, sender="news@example.org", recipient="ann@example.org")


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        ("any", True),
        ("rcpt ann@example.org", True),
        ("rcpt ANN@*", True),
        ("rcpt ann", True),
        ("rcpt an", False),
        ("rcpt bob", False),
        ("from news", True),
        ("from other", False),
        ("from news rcpt bob", False),
        ("message 2", True),
        ("message 3", False),
        ("every 2", True),
        ("every 3", False),
        ("connection 1", True),
        ("connection 2", False),
        ("chance 0", False),
        ("chance 1", True),
    ],
)
def test_a_rule_fits_its_messages(match: str, fits: bool) -> None:
    assert parse_rule(f"{match}: drop dot").fits(ANN, random.Random(1)) is fits


def test_first_counts_only_what_the_rest_fits() -> None:
    rule, dice = parse_rule("rcpt ann first 2: drop dot"), random.Random(1)
    bob = RuleContext(recipient="bob@example.org")
    assert [rule.fits(who, dice) for who in (bob, ANN, bob, ANN, ANN)] == [False, True, False, True, False]


def test_delays_add_up_and_the_first_other_rule_wins() -> None:
    rules = Rules(["any: delay dot 1", "rcpt ann: delay dot 0.5", "any: drop dot", "any: stall dot"])
    delay, rule = rules.decide("dot", ANN)
    assert delay == 1.5 and rule is not None and rule.action == "drop"
    assert rules.decide("mail", ANN) == (0.0, None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("drop dot", "expected MATCH: ACTION"),
        ("any: explode dot", "unknown action 'explode'"),
        ("any: drop lunch", "unknown stage 'lunch'"),
        ("any: drop dot now", "nothing may follow"),
        ("any: delay dot soon", "could not convert"),
        ("any: reply mail no", "invalid literal"),
        ("who ann: drop dot", "unknown match 'who'"),
        ("rcpt: drop dot", "pairs such as"),
    ],
)
def test_a_rule_that_makes_no_sense_says_why(text: str, words: str) -> None:
    with pytest.raises(RuleError, match=words) as caught:
        parse_rule(text)
    assert repr(text) in str(caught.value)
