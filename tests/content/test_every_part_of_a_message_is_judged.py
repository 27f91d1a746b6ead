"""Whole messages: no part stays out of sight of what judges them, where some reader may find it."""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from datetime import UTC, datetime
from email import message_from_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailroom.content.whole.fields import MOST_HEADER_OCTETS, Unmailable
from mailroom.content.whole.original import Original, read_original
from mailroom.content.whole.parts import DEEPEST, MOST_PARTS

HEAD = b"From: post@acme.example\r\nTo: ann@mail.example\r\nSubject: Hello\r\nMIME-Version: 1.0\r\n"
MIXED = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
TURNED = b"Content-Disposition: attachment; filename*=utf-8''photo_%E2%80%AEgpj.exe\r\n\r\nx\r\n"
TWO_KINDS = b"Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\nx\r\n"
END = b"--b--\r\n"

BEFORE = {
    "nothing": b"",
    "a part without a header": b"--b\r\nHello\r\nthere\r\n\r\nAnn\r\n",
    "a line that is no field": b"--b\r\nX: a\r\nno field\r\n\r\nx\r\n",
    "a bare CR": b"--b\r\nX: a\rb\r\n\r\nx\r\n",
}


def read(message: bytes) -> Original:
    return read_original(
        message, envelope_sender="post@acme.example", uid="u", date=datetime.now(UTC), trace=""
    )


@pytest.mark.parametrize("part", [TURNED, TWO_KINDS], ids=["a name turned round", "two kinds"])
@pytest.mark.parametrize("before", BEFORE)
def test_one_behind_another_that_cannot_be_read(before: str, part: bytes) -> None:
    """All that followed it was not looked at."""
    with pytest.raises(Unmailable, match="U\\+202E|two Content-Type"):
        read(MIXED + BEFORE[before] + b"--b\r\n" + part + END)
    assert read(MIXED + BEFORE[before] + b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n" + END)


@pytest.mark.parametrize("line", [b"no field", b"X: a\rb", b" folded, and of no field"])
@pytest.mark.parametrize("part", [TURNED, TWO_KINDS], ids=["a name turned round", "two kinds"])
def test_one_whose_own_header_cannot_be_read(line: bytes, part: bytes) -> None:
    for head in (line + b"\r\n" + part, part.replace(b"\r\n\r\n", b"\r\n" + line + b"\r\n\r\n")):
        with pytest.raises(Unmailable, match="U\\+202E|two Content-Type"):
            read(MIXED + b"--b\r\n" + head + END)


def nested(deep: int) -> bytes:
    opened = b"".join(
        b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (at, at + 1) for at in range(deep)
    )
    closed = b"".join(b"--b%d--\r\n" % at for at in range(deep, -1, -1))
    head = HEAD + b"Content-Type: multipart/mixed; boundary=b0\r\n\r\n"
    return head + opened + b"--b%d\r\n\r\nx\r\n" % deep + closed


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (MIXED + b"--b\r\n\r\nx\r\n" * (MOST_PARTS + 1) + END, "more than 10,000 parts"),
        (nested(DEEPEST), "more than 30 deep"),
        (
            MIXED + (b"--b\r\n" + b"a:\r\n" * 1_000 + b"\r\nx\r\n") * 50 + END,
            "50,000 header",
        ),
        (MIXED + b"--b\r\n" + b"a\r\n" * (MOST_HEADER_OCTETS // 2) + b"\r\nx\r\n" + END, "262,144 octets"),
    ],
    ids=["parts", "depth", "fields", "a header"],
)
def test_more_than_is_looked_at_is_refused(message: bytes, why: str) -> None:
    """Nobody looked at what followed; and 64 MB of short fields took more than a minute to be read."""
    with pytest.raises(Unmailable, match=why):
        read(message)


def test_what_is_looked_at_is_enough_for_honest_mail() -> None:
    assert read(nested(DEEPEST - 1))
    assert read(MIXED + b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n" * (MOST_PARTS - 1) + END)


def test_parts_are_not_hidden_in_an_encoding() -> None:
    """No multipart may have one (RFC 2045, 6.4). Parts that stand there as they are, are read."""
    hidden = b64encode(b"--b\r\n" + TURNED + END)
    encoded = MIXED.replace(b"boundary=b", b"boundary=b\r\nContent-Transfer-Encoding: base64")
    with pytest.raises(Unmailable, match="encoded as a whole"):
        read(encoded + hidden)
    assert read(encoded.replace(b"base64", b"quoted-printable") + b"--b\r\n\r\nx\r\n" + END)


@pytest.mark.parametrize(
    "said",
    [
        b"boundary=a; boundary=b",
        b"boundary=a; boundary*=us-ascii''b",
        b"boundary=a; boundary*0=b",
        b"boundary*0=b",
        b"boundary*=us-ascii''b",
        b'boundary=""',
    ],
)
def test_a_boundary_that_is_said_in_two_ways_is_refused(said: bytes) -> None:
    message = HEAD + b"Content-Type: multipart/mixed; " + said + b"\r\n\r\n--b\r\n" + TURNED + END
    with pytest.raises(Unmailable, match="boundary"):
        read(message)


READ_IN_TWO_WAYS = [
    b'multipart/mixed; boundary="b "',
    b'multipart/mixed; boundary="b\t"',
    b'multipart/mixed; boundary=" b"',
    b'multipart/mixed; boundary="\\b"',
    b'multipart/mixed; boundary="b',
    b'multipart/mixed; boundary="b"c',
    b'multipart/mixed; boundary=b"c"',
    b"multipart/mixed; boundary=b c",
    b"multipart/mixed; boundary=<b>",
    b'multipart/mixed; boundary="=?utf-8?q?b?="',
    b"multipart/mixed; boundary=b(c)",
    b"multipart/mixed; boundary (c) = b",
    b"multipart/mixed; (c) boundary=b",
    b"multipart/mixed (c; boundary=b",
    b'multipart/mixed; x=(";boundary=c); boundary=b',
    b'multipart/mixed; x=\\"; boundary=b; y=\\"',
    b'multipart/mixed; x="; boundary=b"; y=z',
    b"multipart/mixed;\x0bboundary=b",
    b"multipart/mixed boundary=b",
    b"multipart/mixed, boundary=b",
    b"(c) multipart/mixed; boundary=b",
    b"(c;d) multipart/mixed; boundary=b",
    b"multipart(c)/mixed; boundary=b",
    b"multipart/ mixed; boundary=b",
    b"multipart/; boundary=b",
    b'"multipart/mixed"; boundary=b',
]


@pytest.mark.parametrize("kind", READ_IN_TWO_WAYS)
def test_a_multipart_that_two_programs_read_in_two_ways_is_refused(kind: bytes) -> None:
    """Some found parts in it that nobody had looked at."""
    for delimiter in (b"b", b"b ", b"b c", b"\\b", b"c"):
        body = b"--%b\r\n\r\nHi\r\n--%b\r\n%b--%b--\r\n" % (delimiter, delimiter, TURNED, delimiter)
        inner = b"--outer\r\nContent-Type: " + kind + b"\r\n\r\n" + body + b"--outer--\r\n"
        for message in (
            HEAD + b"Content-Type: " + kind + b"\r\n\r\n" + body,
            HEAD + b"Content-Type: multipart/mixed; boundary=outer\r\n\r\n" + inner,
        ):
            with pytest.raises(Unmailable, match="boundary|U\\+202E"):
                read(message)


@pytest.mark.parametrize(
    "kind",
    [
        b'Multipart/Mixed;\r\n\tboundary="----=_Part_1.boundary=_(x)?"; charset=utf-8;',
        b"multipart/alternative; boundary = ----=_NextPart_000_01C0$4A?=; differences=Content-Type",
        b'multipart/related; type="text/xml"; start=<a@b>; boundary="simple boundary";'
        b' start-info="application/soap+xml; action=\\"x\\""',
        b"multipart/signed; micalg=pgp-sha256; protocol=\"application/pgp-signature\"; boundary='b+/:,.'",
        b"multipart/mixed",
        b"text/plain; name=multipart-boundary.txt",
    ],
)
def test_multiparts_of_honest_programs_are_taken(kind: bytes) -> None:
    assert read(HEAD + b"Content-Type: " + kind + b"\r\n\r\nHi\r\n")


def test_of_two_types_that_agree_the_one_that_says_more_tells_the_parts() -> None:
    """Programs that believe the last one found parts that nobody had looked at."""
    for types in (b"multipart/mixed", b"multipart/mixed; boundary=c"), (b"multipart/mixed; boundary=c",) * 2:
        head = b"".join(b"Content-Type: %b\r\n" % one for one in types)
        inner = b"--b\r\n" + head + b"\r\n--c\r\n" + TURNED + b"--c--\r\n"
        with pytest.raises(Unmailable, match="U\\+202E"):
            read(MIXED + inner + END)


@pytest.mark.parametrize("line", [b"--bX", b"--b X", b"--b-", b"--b--X", b"--bb--"])
@pytest.mark.parametrize("before", [b"", b"--b\r\n\r\nHi\r\n", b"--b\r\n\r\nHi\r\n--b--\r\n"])
def test_a_line_that_only_begins_as_a_delimiter_does(before: bytes, line: bytes) -> None:
    """For Dovecot a part begins there (RFC 2046, 5.1.1), and so it tells its mail programs."""
    for part in (TURNED, b"Content-Type: multipart/mixed; boundary=c\r\n\r\n--cX\r\n" + TURNED):
        with pytest.raises(Unmailable, match="U\\+202E"):
            read(MIXED + before + line + b"\r\n" + part + END)
    assert read(MIXED + before + line + b"\r\nContent-Disposition: attachment; filename=a\r\n\r\nx\r\n" + END)


def test_boundaries_that_begin_alike_are_taken() -> None:
    inner = b"--b\r\nContent-Type: multipart/alternative; boundary=bb\r\n\r\n"
    inner += b"--bb\r\n\r\nx\r\n" * 5_000 + b"--bb--\r\n"
    assert read(MIXED + inner + END)


def test_lines_that_tell_of_further_boundaries_are_not_followed_for_ever() -> None:
    told = b"".join(
        b"--b%dX\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (at, at + 1)
        for at in reversed(range(20))
    )
    with pytest.raises(Unmailable, match="again and again"):
        read(HEAD + b"Content-Type: multipart/mixed; boundary=b0\r\n\r\n" + told)


@pytest.mark.parametrize(
    "naming",
    [
        b"x=(; filename*=utf-8''a%E2%80%AEb",
        b"x=\\\"; filename*=utf-8''a%E2%80%AEb; y=\\\"",
        b'x=\\"; filename*="utf-8\'\'a;%E2%80%AEb"',
        b"x=\"; filename*=utf-8''a%E2%80%AEb; y=\"",
        b"filename (c) *=utf-8''a; filename* (c) =utf-8''a%E2%80%AEb",
        b"\x0bfilename*=utf-8''a%E2%80%AEb",
        b"filename*=utf-8''a; filename*=utf-16be''a%20%2E",
        b"filename*0*=utf-8''a; filename*0*=utf-16be''%20; filename*1*=%2E",
    ],
)
def test_a_name_in_whichever_way_its_parameters_are_read(naming: bytes) -> None:
    head = HEAD + b"Content-Disposition: attachment; " + naming
    with pytest.raises(Unmailable, match="U\\+202E|given twice"):
        read(head + b"\r\n\r\nHi\r\n")


ODD = st.sampled_from(
    [
        *(
            "multipart",
            "/",
            "mixed",
            "multipart/mixed",
            "; ",
            ";",
            "=",
            "boundary",
            "boundary=",
            "b",
            " ",
            "\t",
        ),
        *('"', "\\", "(", ")", "c", "*", "*0", "us-ascii''b", "\r\n ", "\x0b", "<b>", "'", ",", "x=", '"b"'),
    ]
)
NAMES_OF_FILES = st.sampled_from(
    [
        *(
            "attachment",
            "; ",
            ";",
            "=",
            "filename",
            "filename*",
            "*0*",
            "*1*",
            "*0",
            "=utf-8''",
            "utf-16be''",
        ),
        *("%E2%80%AE", "%E2", "%80%AE", "%20%2E", "a", '"', "\\", "(", ")", " ", "\x0b", "\r\n ", "x="),
    ]
)


def turned_for_python(message: bytes) -> list[str]:
    """Names of files that the email package finds, an independent reader."""
    found = []
    with suppress(TypeError, ValueError):  # it gives up on some
        for part in message_from_bytes(message).walk():
            found.append(part.get_filename(""))
    return [name for name in found if "\u202e" in name]


def pieces_of(message: bytes) -> bytes:
    """What is mailed of it; nothing where it is refused."""
    try:
        return b"".join(read(message).pieces)
    except Unmailable:
        return b""


@given(st.lists(ODD, max_size=8).map("".join), st.sampled_from(["b", "b ", "c", "<b>", "\\b", "b c"]))
@settings(max_examples=400, deadline=None)
def test_an_independent_reader_finds_no_part_that_was_not_judged(rest: str, delimiter: str) -> None:
    body = f"--{delimiter}\r\n\r\nHi\r\n--{delimiter}\r\n".encode() + TURNED + f"--{delimiter}--\r\n".encode()
    for begun in ("", "multipart/mixed; ", "multipart/mixed; boundary=b"):
        message = HEAD + f"Content-Type: {begun}{rest}\r\n\r\n".encode() + body
        assert turned_for_python(pieces_of(message)) == []


@given(st.lists(NAMES_OF_FILES, max_size=12).map("".join))
@settings(max_examples=400, deadline=None)
def test_an_independent_reader_finds_no_name_that_was_not_judged(rest: str) -> None:
    for begun in ("", "attachment; filename*=utf-8''", "attachment; filename*0*=utf-8''"):
        message = HEAD + f"Content-Disposition: {begun}{rest}\r\n\r\nHi\r\n".encode()
        assert turned_for_python(pieces_of(message)) == []
