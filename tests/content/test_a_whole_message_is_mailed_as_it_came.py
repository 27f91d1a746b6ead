from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage, Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailroom.content.addresses import Address
from mailroom.content.whole.downgrade import fits
from mailroom.content.whole.fields import Unmailable
from mailroom.content.whole.original import Original, read_original

NOW = datetime(2030, 1, 31, 9, 30, tzinfo=UTC)

SIGNED = (
    b"From: Ann <ann@example.com>\r\nTo: bob@example.org\r\nDate: Thu, 31 Jan 2030 09:30:00 +0000\r\n"
    b"Message-ID: <own@example.com>\r\nSubject:  two  spaces\r\n\tand a fold\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/signed; protocol="application/pgp-signature";\r\n boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain\r\n\r\nHello  \r\n.\r\nBob\r\n--b\r\n"
    b"Content-Type: application/pgp-signature\r\n\r\n-----BEGIN PGP SIGNATURE-----\r\n--b--\r\n"
)

MIXED = b"From: a@example.com\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"


def read(message: bytes, *, is_bound: bool = False) -> Original:
    return read_original(
        message,
        envelope_sender="bounces@example.com",
        uid="new",
        date=NOW,
        trace="by mx",
        is_bound=is_bound,
    )


def parsed(original: Original) -> EmailMessage:
    message = message_from_bytes(b"".join(original.pieces), policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def test_every_octet_of_a_signed_message_is_kept() -> None:
    original = read(SIGNED)
    assert b"".join(original.pieces) == b"Received: by mx; Thu, 31 Jan 2030 09:30:00 +0000\r\n" + SIGNED
    assert original.message_id == "<own@example.com>"
    assert original.authors == (Address("ann@example.com", "Ann"),)
    assert original.content.to == (Address("bob@example.org"),)
    assert original.content.subject == "two spaces and a fold"


def test_bcc_is_left_out_folded_and_in_any_case() -> None:
    message = b"From: a@example.com\r\nbCC : eve@example.org,\r\n mallory@example.org\r\n"
    message += b"To: b@example.org\r\n\r\nHi\r\n"
    assert b"eve" not in b"".join(read(message).pieces) and b"mallory" not in b"".join(read(message).pieces)
    assert b"\r\nTo: b@example.org\r\n" in b"".join(read(message).pieces)


def test_date_and_message_id_are_added_where_they_are_missing() -> None:
    message = parsed(read(b"From: a@example.com\r\nSubject: s\r\n\r\nHi\r\n"))
    assert message["Message-ID"] == "<new@example.com>"
    assert message["Date"].datetime == NOW
    assert message.get_content() == "Hi\r\n"


def test_any_line_end_becomes_crlf() -> None:
    data = b"".join(read(b"From: a@example.com\nSubject: s\n\none\r\ntwo\rthree").pieces)
    assert data.endswith(b"\r\n\r\none\r\ntwo\r\nthree\r\n")


@pytest.mark.parametrize("encoding", ["8bit", "binary", None])
def test_eight_bits_become_seven(encoding: str | None) -> None:
    head = f"Content-Transfer-Encoding: {encoding}\r\n" if encoding else ""
    text = f"From: a@example.com\r\n{head}Content-Type: text/plain; charset=utf-8\r\n\r\nGrüße — 你好\r\n"
    original = read(text.encode())
    assert fits(b"".join(original.pieces))
    assert parsed(original).get_content() == "Grüße — 你好\r\n"
    assert original.content.text.strip() == "Grüße — 你好"


def test_utf8_without_any_mime_header_is_taken_for_what_it_is() -> None:
    original = read("From: Jörg <a@example.com>\r\nSubject: Grüße\r\n\r\nSchöne Grüße\r\n".encode())
    message = parsed(original)
    assert fits(b"".join(original.pieces))
    assert message["Subject"] == "Grüße" and message["From"].addresses[0].display_name == "Jörg"
    assert message.get_content() == "Schöne Grüße\r\n"


def test_only_the_part_that_needs_it_is_encoded_anew() -> None:
    message = (
        "From: a@example.com\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n"
        "--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n<p>ü</p>\r\n"
        "--b\r\nContent-Type: text/plain;\r\n\tcharset=us-ascii\r\n\r\nas it was  \r\n"
        "--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    ).encode() + b"\xff\xfe\x01\r\n--b--\r\n"
    original = read(message)
    assert fits(b"".join(original.pieces))
    assert (
        b"--b\r\nContent-Type: text/plain;\r\n\tcharset=us-ascii\r\n\r\nas it was  \r\n--b\r\n"
        in b"".join(original.pieces)
    )
    html, _, binary = parsed(original).iter_parts()
    assert isinstance(binary, Message)
    assert html.get_content() == "<p>ü</p>" and binary.get_payload(decode=True) == b"\xff\xfe\x01"
    assert original.content.html == "<p>ü</p>" and original.content.text.strip() == "as it was"


@pytest.mark.parametrize("encoding", ["7bit", "base64"])
def test_a_line_that_is_too_long_is_broken(encoding: str) -> None:
    body = "QUJD" * 1000 if encoding == "base64" else "word " * 1000
    head = f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n"
    original = read(f"From: a@example.com\r\n{head}\r\n{body}\r\n".encode())
    assert max(map(len, b"".join(original.pieces).split(b"\r\n"))) <= 998
    assert parsed(original).get_content().rstrip("\r\n") == ("ABC" * 1000 if encoding == "base64" else body)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (b"Subject: s\r\n\r\nHi", "no From"),
        (b"From: a@example.com\r\nFrom: b@example.com\r\n\r\nHi", "more than one From"),
        (b"From: nobody\r\n\r\nHi", "From header"),
        (b"From: a@example.com\r\nno field\r\n\r\nHi", "no header field: 'no field'"),
        (b"From: a@example.com\r\nMessage-ID: <a@x>\r\nMessage-ID: <b@x>\r\n\r\nHi", "than one Message-Id"),
        (b"From: a@example.com\r\nSubject: a\r\nSubject: b\r\n\r\nHi", "more than one Subject"),
        (b'From: a@example.com\r\nTo: "a\r\nTo: b" <c@x.org>\r\n\r\nHi', "does not close"),
        (b"Received: x\r\n" * 51 + b"From: a@example.com\r\n\r\nHi", "a loop"),
        (SIGNED.replace(b"Hello", "Grüße".encode()), "a signed part"),
        (b"From: a@example.com\r\nContent-Type: multipart/mixed\r\n\r\n\xff", "no boundary"),
        (MIXED + b"\x80\xff\r\n--b--\r\n", "or no part"),
        (MIXED + b"x" * 3000 + b"\r\n--b--\r\n", "or no part"),
        (MIXED + b"--b\r\n\r\n\x80\r\n" * 10_000, "more than 10,000 parts"),
        (MIXED + b"--b\r\n" + b"a:\r\n" * 50_001 + b"\r\n\x80\r\n", "50,000 header fields"),
        (b"From: a@example.com\r\nContent-Transfer-Encoding: x-uu\r\n\r\n\x80", "encoding 'x-uu' is unknown"),
    ],
)
def test_what_cannot_be_mailed_is_refused_with_the_reason(message: bytes, why: str) -> None:
    with pytest.raises(Unmailable, match=why):
        read(message)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("<own.1@example.com>", "<own.1@example.com>"),
        ("own.1@example.com", "<own.1@example.com>"),
        ("  20300131.4711 ", "<20300131.4711>"),
        ("< own@example.com >", "<own@example.com>"),
        ("<own@example.com> (added by hand)", "<own@example.com>"),
        ("", "<new@example.com>"),
        ("two words", "<new@example.com>"),
        ("<a@example.com> <b@example.com>", "<new@example.com>"),
        ("jörg@example.com", "<new@example.com>"),
        ("<" + " " * 100_000, "<new@example.com>"),
    ],
)
def test_an_id_is_kept_and_gets_the_brackets_that_it_lacks(given: str, kept: str) -> None:
    original = read(f"Message-Id: {given}\r\nFrom: a@example.com\r\n\r\nHi\r\n".encode())
    assert original.message_id == kept
    assert [line for line in b"".join(original.pieces).splitlines() if b"message-id" in line.lower()] == [
        f"{'Message-ID' if 'new' in kept else 'Message-Id'}: {kept}".encode()
    ]


def test_lists_of_addresses_that_come_twice_are_one_and_equal_fields_too() -> None:
    fields = (
        "To: Bob <bob@x.org>,\r\n ,\r\nSubject: s\r\nCc: c@x.org\r\nTo:\r\n eve@x.org,\r\n\tÉva <e@y.org>\r\n"
    )
    fields += "TO:\r\nCC : d@x.org\r\nSubject:  s\r\nMessage-ID: a@x\r\nMessage-ID: <a@x>\r\n"
    original = read(f"From: a@example.com\r\n{fields}\r\nHi\r\n".encode())
    assert [address.address for address in original.content.to] == ["bob@x.org", "eve@x.org", "e@y.org"]
    assert [address.address for address in original.content.cc] == ["c@x.org", "d@x.org"]
    message = parsed(original)
    assert [name.lower() for name in message].count("to") == 1
    assert (message["Subject"], message["Message-ID"]) == ("s", "<a@x>")
    leaves = b"".join(original.pieces)
    assert leaves.index(b"To: Bob") < leaves.index(b"Subject") < leaves.index(b"Cc: c@x")


MIME = "From: a@example.com\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=UTF-8\r\n"


@pytest.mark.parametrize(
    ("again", "leaves"),
    [
        ("MIME-Version: 1.0\r\nContent-Type: text/html; charset=UTF-8", "text/html; charset=UTF-8"),
        (
            "Content-type: text/html;charset=utf-8\r\nMime-Version: 1.0 (a \\(b\\))",
            "text/html; charset=UTF-8",
        ),
        ("Content-Type: Text/HTML", "text/html; charset=UTF-8"),
        (
            'Content-Type: text/html; format=flowed; charset="utf-8"',
            'text/html; format=flowed; charset="utf-8"',
        ),
        ("Content-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: 8bit", "text/html; charset=UTF-8"),
    ],
)
def test_of_fields_of_structure_that_agree_the_fullest_stays(again: str, leaves: str) -> None:
    """As PHP programs write them twice."""
    head = b"".join(read(f"{MIME}{again}\r\n\r\nHi\r\n".encode()).pieces).decode().lower()
    assert f"\r\ncontent-type: {leaves.lower()}\r\n" in head and head.count("content-type:") == 1
    assert head.count("mime-version:") == 1 and head.count("content-transfer-encoding:") < 2


TWO_TYPES = [
    ("Content-Type: text/plain", "Content-Type: multipart/mixed; boundary=b"),
    ("Content-Type: multipart/mixed; boundary=a", "Content-Type: multipart/mixed; boundary=A"),
    ("Content-Type: text/html; charset=utf-8", "Content-Type: text/html; charset=koi8-r"),
    ("Content-Transfer-Encoding: base64", "Content-Transfer-Encoding: 7bit"),
    ("Content-Disposition: inline", "Content-Disposition: attachment; filename=a"),
    ("MIME-Version: 1.0", "MIME-Version: 2.0"),
]


@pytest.mark.parametrize("two", TWO_TYPES)
@pytest.mark.parametrize("turned", [False, True])
def test_structure_that_two_programs_read_in_two_ways_is_refused(two: tuple[str, str], turned: bool) -> None:
    first, second = reversed(two) if turned else two
    body = "--b\r\n\r\nHi\r\n--b--\r\n"
    name = first.partition(":")[0]
    with pytest.raises(Unmailable, match=f"more than one {name.title()}"):
        read(f"From: a@example.com\r\n{first}\r\n{second}\r\n\r\n{body}".encode())
    head = "From: a@example.com\r\nContent-Type: multipart/mixed; boundary=outer\r\n\r\n"
    with pytest.raises(Unmailable, match=f"two {name} headers"):
        read(f"{head}--outer\r\n{first}\r\n{second}\r\n\r\n{body}--outer--\r\n".encode())


def test_thousands_of_fields_of_structure_take_no_longer() -> None:
    fields = b"Content-Type: text/plain" + b"; a=b" * 25_000 + b"\r\n" + b"Content-Type: a/b\r\n" * 6_000
    with pytest.raises(Unmailable, match="more than one Content-Type"):
        read(b"From: a@example.com\r\n" + fields + b"\r\nHi\r\n")


def test_thousands_of_the_same_field_take_no_longer() -> None:
    fields = b"X:\r\n" * 20_000 + b"To: a@b.org\r\n" * 6_000 + b"Subject: s\r\n" * 6_000
    assert len(read(b"From: a@example.com\r\n" + fields + b"\r\nHi\r\n").content.to) == 6_000


def test_the_author_stands_for_a_sender_whom_the_envelope_does_not_name() -> None:
    original = read_original(
        "From: Ann <ann@münchen.example>\r\n\r\nHi\r\n".encode(),
        envelope_sender="",
        uid="1",
        date=NOW,
        trace="x",
    )
    assert original.envelope_sender == "ann@xn--mnchen-3ya.example"
    assert original.message_id == "<1@xn--mnchen-3ya.example>"


@given(st.binary(max_size=300))
def test_whatever_comes_is_mailable_or_refused(junk: bytes) -> None:
    for message in (junk, b"From: a@example.com\r\n" + junk, b"From: a@example.com\r\n\r\n" + junk):
        try:
            data = b"".join(read(message).pieces)
        except Unmailable:
            continue
        assert fits(data) and data.count(b"\r\n") == data.count(b"\n") == data.count(b"\r")
