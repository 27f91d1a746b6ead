"""Whole messages: no part stays out of sight of what judges them, where some reader may find it."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime

import pytest

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
