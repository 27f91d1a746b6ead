"""The size of a file in a message is known without decoding it, and no picture turns out to be larger."""

from __future__ import annotations

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailroom.content.whole.letter import ReadLetter, read_letter

HEAD = b"From: ann@example.org\r\nContent-Type: multipart/related; boundary=b\r\n\r\n"
HTML = b'--b\r\nContent-Type: text/html\r\n\r\n<img src="cid:pic">\r\n'
PICTURE = b"--b\r\nContent-Type: image/png\r\nContent-ID: <pic>\r\nContent-Transfer-Encoding: "


def letter_with(body: bytes, encoding: bytes = b"base64") -> ReadLetter:
    return read_letter(b"%b%b%b%b\r\n\r\n%b\r\n--b--\r\n" % (HEAD, HTML, PICTURE, encoding, body))


@given(
    body=st.text("AAAb+/=== -\n", max_size=40), encoding=st.sampled_from(["base64", "quoted-printable", "x"])
)
@example(body="A" + "-" * 100, encoding="base64")
@example(body="=" + "AAAA" * 8, encoding="base64")
@example(body="AA=AAA" * 8, encoding="base64")
@example(body="AA= =AAAA", encoding="base64")
@example(body="A===" + "AAA" * 9, encoding="base64")
def test_no_picture_has_more_octets_than_were_told(body: str, encoding: str) -> None:
    (picture,) = letter_with(body.encode(), encoding.encode()).pictures
    assert len(picture.read().data) <= picture.size


def test_what_cannot_be_decoded_is_no_picture() -> None:
    (picture,) = letter_with(b"A\r\n" + (b"-" * 76 + b"\r\n") * 1_000).pictures
    assert picture.read().data == b""


@pytest.mark.parametrize("size", range(998, 1_002))
@pytest.mark.parametrize(
    "footer", ["", "\r\n_____\r\nYou are on the list pictures@example.org", "=\r\n=AAAA"]
)
def test_words_after_the_padding_are_no_part_of_it(size: int, footer: str) -> None:
    encoded = base64.encodebytes(b"x" * size).strip().replace(b"\n", b"\r\n")
    if not encoded.endswith(b"=") and footer:  # nothing tells where it ends
        return
    letter = letter_with(encoded + footer.encode())
    assert [file.size for file in letter.files] == [size] == [len(letter.pictures[0].read().data)]
