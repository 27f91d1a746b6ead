from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailroom.content.addresses import parse_address
from mailroom.content.links.return_tokens import (
    LARGEST_SEALED_ID,
    ReturnAddress,
    ReturnKey,
    ReturnPurpose,
    read,
    tokens_in,
)

BOUNCE, UNSUBSCRIBE = ReturnPurpose.BOUNCE, ReturnPurpose.UNSUBSCRIBE
KEY = ReturnKey(7, b"k" * 32)
ADDRESS = ReturnAddress("Bounces@News.Example")
ids = st.integers(1, LARGEST_SEALED_ID)
keys = st.builds(ReturnKey, st.integers(1, 255), st.binary(min_size=32, max_size=32))
addresses = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60).map(str.lower)


@settings(max_examples=200, deadline=None)
@given(keys, st.sampled_from(ReturnPurpose), ids, addresses)
@example(KEY, BOUNCE, LARGEST_SEALED_ID, "ann@example.org")
def test_what_was_sealed_is_read_in_any_size_of_letters(
    key: ReturnKey, purpose: ReturnPurpose, delivery_id: int, address: str
) -> None:
    token = key.seal(purpose, delivery_id, address)

    for as_it_came in (token, token.upper(), token.title()):
        parts = read(as_it_came)
        assert parts is not None
        assert (parts.purpose, parts.key_number, parts.delivery_id) == (purpose, key.number, delivery_id)
        assert key.is_sealed(parts, purpose, address)


@settings(max_examples=200, deadline=None)
@given(keys, keys, ids, addresses, addresses)
def test_a_token_means_no_other_purpose_key_delivery_or_address(
    key: ReturnKey, other_key: ReturnKey, delivery_id: int, address: str, other: str
) -> None:
    parts = read(key.seal(BOUNCE, delivery_id, address))
    assert parts is not None

    assert not key.is_sealed(parts, UNSUBSCRIBE, address)
    assert not key.is_sealed(parts._replace(purpose=UNSUBSCRIBE), UNSUBSCRIBE, address)
    assert not key.is_sealed(parts._replace(delivery_id=delivery_id ^ 1), BOUNCE, address)
    assert key.is_sealed(parts, BOUNCE, other) is (address == other)
    is_same_key = other_key.seal(BOUNCE, 1, "") == key.seal(BOUNCE, 1, "")
    assert other_key.is_sealed(parts._replace(key_number=other_key.number), BOUNCE, address) is is_same_key


@settings(max_examples=200, deadline=None)
@given(ids, st.integers(0, 38), st.sampled_from("0123456789abcdefu"))
def test_one_letter_changed_is_a_seal_broken(delivery_id: int, at: int, letter: str) -> None:
    token = KEY.seal(BOUNCE, delivery_id, "ann@example.org")
    damaged = token[: at % len(token)] + letter + token[at % len(token) + 1 :]

    parts = read(damaged)

    is_whole = parts is not None and any(
        KEY.is_sealed(parts, kind, "ann@example.org") for kind in ReturnPurpose
    )
    assert is_whole is (damaged == token)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.from_regex(r"[bu][0-9a-f]{20,60}", fullmatch=True))
@example("b" + "0" * 20 + "00" + "1")  # of no key
@example("b" + "0" * 20 + "01" + "01")  # a second way to write a number
@example("b" + "0" * 20 + "01" + "f" * 16)  # more than a database counts to
def test_whatever_is_read_is_the_one_way_to_write_it(text: str) -> None:
    parts = read(text)
    if parts is not None:
        purpose, number, delivery_id, seal = parts
        assert f"{purpose}{seal.hex()}{number:02x}{delivery_id:x}" == text.lower()
        assert 1 <= number <= 255
        assert 1 <= delivery_id <= LARGEST_SEALED_ID


def test_a_local_part_of_thirty_has_room_for_a_token() -> None:
    token = KEY.seal(BOUNCE, 2**40 - 1, "ann@example.org")

    path = ReturnAddress(f"{'l' * 30}@example.org").with_token(token)

    assert len(path.partition("@")[0]) <= 64
    assert parse_address(path).address == path


@settings(max_examples=100, deadline=None)
@given(
    ids, st.sampled_from(["{}", "X: <{}>,", "SRS0=ab=cd=other.example={}", "prvs=12345678={}", "rfc822; {}"])
)
def test_tokens_are_found_in_what_stands_around_them(delivery_id: int, around: str) -> None:
    token = KEY.seal(BOUNCE, delivery_id, "ann@example.org")

    text = around.format(ADDRESS.with_token(token).upper())

    assert tokens_in(f"bounces+nothing@example.org, {text}\r\n {text}") == [token]


def test_only_mail_to_the_address_itself_or_to_its_tokens_is_for_us() -> None:
    token = KEY.seal(BOUNCE, 1, "ann@example.org")
    for_us = ["bounces", "BOUNCES", f"bounces+{token}", "bounces+x"]
    others = ["bounce", "bouncesx", "xbounces+1"]

    assert all(ADDRESS.is_for_us(f"{local}@news.example") for local in for_us)
    assert not any(ADDRESS.is_for_us(f"{local}@news.example") for local in others)
    assert not ADDRESS.is_for_us("bounces+1@evil.example")
    assert not ADDRESS.is_for_us("bounces+1@news.example.evil.example")
    assert not any(ADDRESS.is_for_us(text) for text in ("", "@", "bounces", "@news.example"))
