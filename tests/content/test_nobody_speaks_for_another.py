"""Whatever a bound key hands in: two independent readers of what leaves find allowed authors only."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailroom.content.addresses import Address
from mailroom.content.header.authors import disguise_of
from mailroom.content.whole.downgrade import fits
from mailroom.content.whole.fields import Unmailable
from mailroom.content.whole.original import Original
from tests.content.readers import field_names, fields, naive_authors, strict_addresses, strict_authors
from tests.content.test_a_whole_message_is_mailed_as_it_came import read

MINE = "a@example.com"
ADDED = {"received", "date", "message-id", "mime-version", "content-type", "content-transfer-encoding"}
ONCE = {"to", "cc", "reply-to", "subject"}
LEFT_OUT = {"bcc", "authentication-results", "dkim-signature"}

PIECES = st.sampled_from(
    [
        *(
            MINE,
            f"<{MINE}>",
            "ceo@victim.example",
            "<ceo@victim.example>",
            "ceo",
            "victim.example",
            "Ann",
            "é",
            "日本",
        ),
        *(
            ",",
            ";",
            ":",
            "(",
            ")",
            '"',
            "\\",
            ".",
            "@",
            "<",
            ">",
            "[",
            "]",
            " ",
            "\t",
            "\r\n ",
            "\r\n\t",
            "  ",
        ),
        *(
            "=?utf-8?q?",
            "?=",
            "=40",
            "=3C",
            "=2C",
            "=22",
            "=0D=0A",
            "=00",
            "_",
            "=?utf-8?b?",
            "LDxjZW9AdmljdGltPg==",
        ),
        *(
            "=?utf-8?q?Boss_=3Cceo=40victim=2Eexample=3E=2C_?=",
            "=?utf-8?q?ceo=40?=",
            "=?utf-8?q?victim=2Eexample?=",
        ),
        *(
            "=?utf-7?q?+ADw-ceo+AEA-victim.example+AD4-?=",
            "=?x-none?q?=40?=",
            "=?utf-8?q?=0D=0AFrom:_ceo=40victim?=",
        ),
        *("=?iso-8859-1?q?J=F6rg?=", "Team: ", "\x0b", "\x1b$B", "\x7f", "\u2028", "\x85", "\r", "\n", "\n "),
    ]
)
BODIES = st.lists(PIECES, max_size=9).map("".join)
NAMES = st.sampled_from(
    [
        *("From", "From", "FROM ", "Sender", "Subject", "To", "Cc", "X-Note", "Reply-To", "Comments", "Bcc"),
        *("Resent-From", "Resent-Sender", "DKIM-Signature", "Authentication-Results", "Content-Type"),
    ]
)
FIELDS = st.lists(st.tuples(NAMES, BODIES), max_size=4)


def header(given: list[tuple[str, str]], charset: str) -> bytes:
    return b"".join(f"{name}: {body}\r\n".encode(charset, "replace") for name, body in given)


def put_together(names: list[str]) -> list[str]:
    """What a message has once at most is written where the first one stood."""
    return [name for at, name in enumerate(names) if name not in ONCE or name not in names[:at]]


def allowed(original: Original) -> bool:
    return not original.disguise and all(author.key == MINE for author in original.authors)


@given(st.one_of(st.just(MINE), BODIES), FIELDS, st.sampled_from(["utf-8", "latin-1", "shift_jis"]))
@settings(max_examples=400, deadline=None)
def test_two_readers_find_no_author_but_the_allowed(
    sender: str, others: list[tuple[str, str]], charset: str
) -> None:
    message = header([("From", sender), *others], charset) + b"\r\nHi\r\n"
    try:
        original = read(message, is_bound=True)
    except Unmailable:
        return
    wire = b"".join(original.pieces)
    assert fits(wire)
    assert not re.search(rb"\r\n[ \t]*\r\n[ \t]", wire.partition(b"\r\n\r\n")[0])
    # An empty Sender may be left out, too.
    aside = ADDED | LEFT_OUT | {name for name, value in fields(message) if not value}
    named = put_together([name for name in field_names(message) if name not in aside])
    assert [name for name in field_names(wire) if name not in aside] == named
    if allowed(original):
        assert strict_authors(wire) <= {MINE}
        assert naive_authors(wire) <= {MINE}


RECIPIENTS = st.lists(
    st.tuples(
        st.sampled_from(
            ["", "Ann", "Jörg", '"Lee, Ann"', '"Müller, Jörg"', "=?utf-8?q?J=C3=B6rg?=", "日本 太郎", "A. é"]
        ),
        st.sampled_from(["b@example.org", "o'hara@example.org", "x+y@sub.example.org", "c@example.net"]),
        st.sampled_from([",", ", ", ",\r\n ", " , "]),
    ),
    min_size=1,
    max_size=6,
)


@given(RECIPIENTS, st.sampled_from(["To", "Cc"]))
@settings(deadline=None)
def test_recipients_are_shown_as_they_came(people: list[tuple[str, str, str]], name: str) -> None:
    body = "".join(
        f"{who} <{address}>{comma}" if who else f"{address}{comma}" for who, address, comma in people
    )
    original = read(f"From: {MINE}\r\n{name}: {body.rstrip(', ').rstrip()}\r\n\r\nHi\r\n".encode())
    shown = original.content.to if name == "To" else original.content.cc
    assert [one.address for one in shown] == [address for _, address, _ in people]
    assert strict_addresses(b"".join(original.pieces), name) == [address for _, address, _ in people]


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Jörg @ Work",
            "Ann",
            '"Lee',
            'Ann "The Boss" Lee',
            MINE,
            "",
            "bob@shop.example via Us",
            "Müller, Ann",
        ),
        *(
            "Ann's – Café & Co.",
            "Grüße " * 20,
            "名前" * 40,
            "“Ann”",
            "50 % 🎉",
            "日本 (東京)",
        ),
    ],
)
def test_a_sender_of_our_own_making_is_in_no_disguise(name: str) -> None:
    assert disguise_of(Address(MINE, name)) == ""


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Boss <boss@bank.example>, é",
            "é boss@bank.example",
            '\\"é boss @ bank . example',
            "é <ceo.",
            "é ceo@",
        ),
        *(
            'x" <ceo@victim.example>, ',
            '\\" <ceo@victim.example>, ',
            "ceo＠victim.example",
            "é ceo @ victim.example",
        ),
        *(
            "é ceo @ victim .example",
            "é ceo @ victim (x).example",
            "é <3",
            "é ceo ＠ victim.example",
            "é＜ceo",
        ),
    ],
)
def test_a_name_that_may_be_read_as_an_address_is_one(name: str) -> None:
    assert disguise_of(Address(MINE, name)) != ""
