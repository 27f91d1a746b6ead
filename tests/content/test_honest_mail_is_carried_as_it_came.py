"""Fields leave octet by octet where seven bits allow; where not, only the words that need it change."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.header import decode_header, make_header

import pytest

from mailroom.content.addresses import Address
from mailroom.content.header.words import codec
from mailroom.content.whole.fields import Unmailable
from tests.content.test_a_whole_message_is_mailed_as_it_came import parsed, read


def wire(*fields: str | bytes, charset: str = "utf-8") -> bytes:
    """The header that leaves, without what is put before it."""
    given = [field if isinstance(field, bytes) else field.encode(charset) for field in fields]
    original = read(b"\r\n".join([b"From: a@example.com", *given]) + b"\r\n\r\nHi\r\n")
    head = b"".join(original.pieces).partition(b"\r\n\r\n")[0]
    return head[head.index(b"From: a@example.com") + len(b"From: a@example.com\r\n") :]


@pytest.mark.parametrize(
    "field",
    [
        "Subject:  two  spaces\r\n\tand a fold ",
        "subject:without a blank",
        "Subject:\r\n a first line that is empty",
        "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= =?iso-8859-1?Q?Stra=DFe?= and =?damaged?q?",
        "Subject: =?utf-8?q?a_line=0D=0Abreak?=",
        "To: Lee, Ann <ann@example.org>",
        "To: undisclosed-recipients:;",
        'To: "Lee, \\"Ann\\"" <ann@example.org> (a (nested) comment), team: b@example.org,c@example.org;',
        "To: <@a.example,@b.example:c@example.org>, =?utf-8?q?J=C3=B6rg?= <d@example.org>",
        "Subject: \x1b$B%F%9%H\x1b(B",
        "X-Note: a\x0bvertical tab",
        "Received: from a (b [192.0.2.1])\r\n\tby c with ESMTP id d; Mon, 1 Jan 2029 00:00:00 +0000",
        "Message-ID: <any.thing/at+all@[192.0.2.1]>",
        'Content-Type: text/plain; charset="us-ascii"; format=flowed',
    ],
)
def test_seven_bits_and_short_lines_are_not_touched(field: str) -> None:
    assert wire(field) == field.encode("ascii")


@pytest.mark.parametrize(
    ("given", "leaves"),
    [
        ("Subject: Grüße an alle", "Subject: =?utf-8?b?R3LDvMOfZQ==?= an alle"),
        (
            "Subject: für dich und für mich",
            "Subject: =?utf-8?q?f=C3=BCr?= dich und\r\n =?utf-8?q?f=C3=BCr?= mich",
        ),
        ("Subject: a  é\té b", "Subject: a  =?utf-8?b?w6kJw6k=?= b"),
        (
            "Subject: =?utf-8?q?a?= é =?utf-8?q?b?=",
            "Subject: =?utf-8?q?a?= =?utf-8?q?_=C3=A9_?= =?utf-8?q?b?=",
        ),
        ("X-Note: =?utf-8?q?=0D=0AFrom:_x?= é", "X-Note: =?utf-8?q?=0D=0AFrom:_x?= =?utf-8?q?_=C3=A9?="),
        ("To: Jörg <j@example.org>", "To: =?utf-8?q?J=C3=B6rg?= <j@example.org>"),
        ('To: "Müller, Jörg" <j@example.org>', "To: =?utf-8?b?TcO8bGxlciwgSsO2cmc=?= <j@example.org>"),
        ("To: Jörg<j@example.org>,b@example.org", "To: =?utf-8?q?J=C3=B6rg?= <j@example.org>,b@example.org"),
        ("To: a@example.org,  info@bücher.example", "To: a@example.org,  info@xn--bcher-kva.example"),
        ("To: <info@bücher.example> (Bücher)", "To: <info@xn--bcher-kva.example> (=?utf-8?q?B=C3=BCcher?=)"),
        (
            "Cc: Gäste: a@example.org, b@example.org;",
            "Cc: =?utf-8?q?G=C3=A4ste?= : a@example.org, b@example.org;",
        ),
        ("List-Id: Bücher <books.example.org>", "List-Id: =?utf-8?q?B=C3=BCcher?= <books.example.org>"),
        (
            'Content-Type: text/plain; name="für.txt"; charset=utf-8',
            "Content-Type: text/plain;\r\n name*=utf-8''f%C3%BCr.txt; charset=utf-8",
        ),
        (
            "Content-Disposition: inline; filename=\"f\xfcr\"; filename*=utf-8''f%C3%BCr",
            "Content-Disposition: inline; filename*=utf-8''f%C3%BCr",
        ),
        (
            "Content-Disposition: attachment; filename=Größe Öl.pdf",
            "Content-Disposition: attachment;\r\n filename*=utf-8''Gr%C3%B6%C3%9Fe%20%C3%96l.pdf",
        ),
        ("Subject : a blank before the colon", "Subject: a blank before the colon"),
        ("X-Note: a\r\n \r\n b", "X-Note: a \r\n b"),
    ],
)
def test_only_the_words_that_need_it_change(given: str, leaves: str) -> None:
    assert wire(given) == leaves.encode("ascii")


@pytest.mark.parametrize(
    "charset", ["iso-8859-1", "windows-1252", "koi8-r", "Shift_JIS", "gb18030", "big5", "euc-kr"]
)
def test_raw_octets_are_in_the_charset_that_the_message_names(charset: str) -> None:
    words = {
        "koi8-r": "Привет",
        "Shift_JIS": "ソフト 表",
        "gb18030": "你好",
        "big5": "許功蓋",
        "euc-kr": "안녕",
    }
    name = words.get(charset, "Grüße")
    given = (
        f'From: "{name}" <a@example.com>\r\nTo: {name} <b@example.org>, c@example.org\r\n'
        f"Subject: Re: {name} ok\r\nContent-Type: text/plain; charset={charset}\r\n\r\n{name}\r\n"
    )
    message = parsed(read(given.encode(charset)))
    assert message["Subject"] == f"Re: {name} ok"
    assert message["From"].addresses[0].display_name == name
    assert [one.addr_spec for one in message["To"].addresses] == ["b@example.org", "c@example.org"]


def test_the_first_part_may_name_it_too() -> None:
    head = b"From: a@example.com\r\nSubject: Gr\xfc\xdfe\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    part = b"--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\nHi\r\n--b--\r\n"
    assert parsed(read(head + part))["Subject"] == "Grüße"


@pytest.mark.parametrize(
    "words", ["Grüße".encode("latin-1"), "ソフト 表".encode("shift_jis"), b"\xff\x80", b"\xc3("]
)
def test_octets_of_an_unknown_charset_are_kept(words: bytes) -> None:
    for field in (b"Subject: " + words, b"X-Note: " + words):
        leaves = wire(field)
        assert leaves.isascii()
        ((octets, charset), *_) = decode_header(leaves.partition(b": ")[2].decode())
        assert charset == "unknown-8bit"
        assert octets == words


@pytest.mark.parametrize(
    "charset", ["koi8-u", "windows-874", "x-sjis", "windows-31j", "x-gbk", "iso-8859-8-i"]
)
def test_charsets_are_known_by_the_names_that_mail_has_for_them(charset: str) -> None:
    assert codec(charset) is not None


@pytest.mark.parametrize(
    "charset", ["zlib", "rot13", "hex", "base64", "unicode_escape", "idna", "undefined", "x", ""]
)
def test_what_is_no_charset_is_none(charset: str) -> None:
    assert codec(charset) is None
    given = f"Subject: =?{charset}?q?a?=\r\nContent-Type: text/plain; charset={charset}\r\nX-Note: é"
    assert wire(given).isascii()


def test_latin_1_in_a_name_needs_no_charset() -> None:
    leaves = wire(b"To: J\xf6rg <b@example.org>, c@example.org")
    assert leaves == b"To: =?unknown-8bit?q?J=F6rg?= <b@example.org>, c@example.org"


def test_long_lines_are_folded_where_blanks_are() -> None:
    blanks = "X-Note: a" + " " * 1500 + "b" + " c" * 900
    leaves = wire(blanks)
    assert leaves.replace(b"\r\n", b"") == blanks.encode()
    assert all(len(line) <= 998 and line.strip() for line in leaves.split(b"\r\n"))


def test_a_long_list_of_recipients_is_folded_between_them() -> None:
    people = [f"person{number}@example.org" for number in range(200)]
    leaves = wire("To: " + ",".join(people))
    message = message_from_bytes(leaves + b"\r\n\r\n", policy=policy.default)
    assert [one.addr_spec for one in message["To"].addresses] == people
    assert max(map(len, leaves.split(b"\r\n"))) <= 998


def test_long_words_of_other_scripts_are_folded() -> None:
    leaves = wire("Subject: " + "日本語 " * 200)
    assert max(map(len, leaves.split(b"\r\n"))) <= 78
    unfolded = leaves.partition(b": ")[2].replace(b"\r\n", b"").decode()
    assert str(make_header(decode_header(unfolded))).split() == ["日本語"] * 200


@pytest.mark.parametrize(
    ("field", "why"),
    [
        ("Subject: a\0b", "NUL"),
        ("Subject: a\rb", "bare CR"),
        ("In-Reply-To: <ü@example.org>", "ASCII only"),
        ("Content-Location: https://example.org/ü", "ASCII only"),
        ("List-Unsubscribe: <https://example.org/ü>", "ASCII only"),
        ("To: jörg@example.org", "Only ASCII can be mailed before the @"),
        ('To: "jörg"@example.org', "Only ASCII can be mailed before the @"),
        ('To: "jörg" @example.org', "beside its @"),
        ("To: ü @ example.org", "beside its @"),
        ('To: "é <b@example.org>', "does not close"),
        ("Content-Type: té/xt", "only the values of parameters"),
        ("X-Note: " + "a" * 1000, "a line of more than 998"),
        ("X-Note: a" + " " * 3000 + "b", "a line of more than 998"),
        ("X-Note: " + "a " * 200_000, "more than 262,144 octets"),
    ],
)
def test_what_cannot_leave_is_refused_with_the_reason(field: str, why: str) -> None:
    with pytest.raises(Unmailable, match=why):
        wire(field)


def test_neither_ascii_nor_utf8_with_a_special_that_may_be_half_a_character_is_refused() -> None:
    with pytest.raises(Unmailable, match="no other charset is declared"):
        wire("To: ソ <b@example.org>", charset="shift_jis")


def test_pages_show_what_the_header_says() -> None:
    given = "From: =?utf-8?q?J=C3=B6rg?= <a@example.com>\r\nSubject: =?utf-8?q?a=00b=0D=0Ac?= d\r\n"
    original = read(f"{given}To: Ünal <b@example.org>, Us: c@example.org; \r\n\r\nHi\r\n".encode())
    assert original.content.sender == Address("a@example.com", "Jörg")
    assert original.content.subject == "a b c d"
    assert original.content.to == (Address("b@example.org", "Ünal"), Address("c@example.org"))


@pytest.mark.parametrize(
    ("sender", "address"),
    [
        ("a@example.com (Charlie & (Root))", "a@example.com"),
        ("'a@example.com' <a@example.com>", "a@example.com"),
        ("a@example.com <A@EXAMPLE.com>", "A@example.com"),
        ("=?utf-8?Q?My Shop?= < a@example.com >", "a@example.com"),
        ("root (Cron Daemon) <a@example.com>", "a@example.com"),
        ('"Lee, Ann" <a@example.com>', "a@example.com"),
    ],
)
def test_authors_as_programs_write_them(sender: str, address: str) -> None:
    given = f"From: {sender}\r\nSender: \r\nSubject: s\r\n\r\nHi\r\n".encode()
    original = read(given)
    assert [author.address for author in original.authors] == [address]
    assert f"\r\nFrom: {sender}\r\nSubject: s\r\n".encode() in b"".join(original.pieces)


def test_what_nobody_acts_on_is_carried_as_words() -> None:
    inner = 'From: b@example.org\r\nDate: Mär\r\nTo: "é\r\n\r\nIt is spam: é\r\n'
    head = "From: a@example.com\r\nMIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n"
    data = b"".join(read((head + inner).encode()).pieces)
    assert b"\r\nDate: =?utf-8?q?M=C3=A4r?=\r\n" in data and data.isascii()
