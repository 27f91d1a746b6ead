"""A local part in quotes, in fields that somebody else wrote and on the wire: one address to every reader."""

from __future__ import annotations

from email import message_from_bytes, policy

import pytest

from mailroom.content.addresses import Address
from mailroom.content.header.mailboxes import mailboxes
from mailroom.content.message.headers import address_header, to_header
from mailroom.content.whole.fields import Unmailable
from tests.content.readers import naive_authors, strict_authors
from tests.content.test_a_whole_message_is_mailed_as_it_came import read

ODD = [
    '"john doe"@example.org',
    r'"a\"b, c;(d)"@example.org',
    '"ceo@victim.example"@example.org',
    '"j. r"@example.org',
]


@pytest.mark.parametrize("address", ODD)
def test_it_is_written_as_everybody_reads_it(address: str) -> None:
    for name in ("", "Doe, John", "Jörg"):
        for field in (to_header(address, name), address_header("To", [Address(address, name)] * 2)):
            read_back = message_from_bytes(field + b"\r\n", policy=policy.default)["To"].addresses
            assert {(one.display_name, one.addr_spec) for one in read_back} == {(name, address)}


@pytest.mark.parametrize("address", ODD)
def test_it_is_read_in_a_field_of_a_whole_message(address: str) -> None:
    assert mailboxes(f"Ann <{address}>, b@x.org, {address}") == [
        *(Address(address, "Ann"), Address("b@x.org"), Address(address))
    ]
    head = f"From: Jörg <{address}>\r\nTo: {address}, Éva <b@x.org>\r\n\r\nHi\r\n"
    original = read(head.encode())
    assert [author.address for author in original.authors] == [address]
    assert original.content.to == (Address(address), Address("b@x.org", "Éva"))
    assert strict_authors(b"".join(original.pieces)) == {address}


@pytest.mark.parametrize("address", ODD)
def test_of_a_bound_key_it_holds_words_alone(address: str) -> None:
    original = read(f"From: Ann <{address}>\r\n\r\nHi\r\n".encode(), is_bound=True)
    assert bool(original.disguise) is not address.startswith(('"john', '"j. r'))
    if not original.disguise:
        assert all(author.endswith("@example.org") for author in naive_authors(b"".join(original.pieces)))


@pytest.mark.parametrize(
    "field",
    [
        '"a b" @x.org',
        '"a b"@ x.org',
        '"a b"@x.org <c@x.org>',
        '"a b"@x.org c@x.org',
        '"a\tb"@x.org',
        '""@x.org',
    ],
)
def test_what_two_readers_may_read_in_two_ways_is_refused(field: str) -> None:
    with pytest.raises(Unmailable):
        read(f"From: {field}\r\n\r\nHi\r\n".encode())
