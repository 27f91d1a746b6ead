from __future__ import annotations

import pytest

from mailroom.smtp.reply import Reply, words


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("4.7.1 Greylisted, try again in 300 seconds", 300),
        ("Recipient address rejected: Greylisted for 5 minutes", 300),
        ("4.7.1 Greylisting in action, please come back in 00:04:59", 299),
        ("too many mails, retry after 30s", 30),
        ("4.3.2 try again in 2 hours", 7200),
        ("wait 999999 hours", 24 * 3600),
        ("4.2.0 mailbox busy", None),
        ("4.7.0 try again later (5 of 9 sources)", None),
        ("4.7.1 try again in 5 \u017f", None),
        ("4.7.1 try again in 5 \u017feconds", None),
        ("4.7.1 try again in \u0665 seconds", None),
    ],
)
def test_it_reads_how_long_to_wait(text: str, seconds: int | None) -> None:
    assert Reply(451, text).retry_after == seconds


def test_a_refusal_for_good_asks_for_no_wait() -> None:
    assert Reply(550, "do not try again in 300 seconds").retry_after is None


@pytest.mark.parametrize(
    ("text", "code"),
    [("5.1.1 No such user", "5.1.1"), ("5.1.1", "5.1.1"), ("No such user", None), ("5.1.1.1 x", None)],
)
def test_it_knows_enhanced_status_codes(text: str, code: str | None) -> None:
    assert Reply(550, text).enhanced == code


def test_codes_fall_into_classes() -> None:
    assert Reply(250, "").is_positive
    assert Reply(451, "").is_temporary
    assert Reply(550, "").is_permanent
    assert not Reply(354, "").is_positive
    assert str(Reply(250, "")) == "250"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"fine", "fine"),
        ("für Jörg".encode(), "für Jörg"),
        ("für Jörg".encode("latin-1"), "für Jörg"),
        (b"\x1b[31mred\x07\x00", "[31mred"),
        ("evil\u202egpj.exe".encode(), "evil gpj.exe"),
        (b"one\ntwo", "one\ntwo"),
        (b"x" * 100_000, "x" * 1000),
    ],
)
def test_words_are_safe_to_keep_and_to_show(raw: bytes, text: str) -> None:
    assert words(raw) == text
