"""A Message-ID is its delivery's alone, the same each time, and no help to make a neighbour's."""

from __future__ import annotations

import pytest

from mailroom.content.message.message_ids import (
    LARGEST_DELIVERY_ID,
    IdSeal,
    OwnId,
    is_same_id,
    message_id,
    new_id_secret,
    own_id,
    own_name,
)
from mailroom.feedback.quoted import first_id

UID = "0198c1f2-aaaa-4bbb-8ccc-0123456789ab"
LONGEST_DOMAIN = ".".join(["d" * 63] * 4)[:255]
MOST_OF_POSTMARK = 80


def test_it_is_the_same_however_often_it_is_made() -> None:
    secret = new_id_secret()
    assert {message_id(UID, 7, "x.org", IdSeal(secret)) for _ in range(3)} == {
        message_id(UID, 7, "x.org", IdSeal(secret))
    }
    kept = IdSeal(secret)
    assert [kept.of(number) for number in (7, 8, 7)] == [IdSeal(secret).of(number) for number in (7, 8, 7)]


def test_each_delivery_and_each_mailing_has_another() -> None:
    seals = {IdSeal(new_id_secret()).of(number) for _ in range(20) for number in range(1, 51)}
    assert len(seals) == 1_000


@pytest.mark.parametrize("seal", [None, IdSeal("0" * 32)])
@pytest.mark.parametrize("number", [1, 7, LARGEST_DELIVERY_ID])
def test_whose_it_is_can_be_read_from_it(number: int, seal: IdSeal | None) -> None:
    made = message_id(UID, number, LONGEST_DOMAIN, seal)
    assert own_id(made) == OwnId(UID, number)
    name = made.strip("<>").partition("@")[0]
    assert own_name(name) == OwnId(UID, number) and len(name) <= MOST_OF_POSTMARK
    assert first_id(f" {made} (quoted)") == made


def test_a_shared_one_is_its_mailing_s() -> None:
    assert message_id(UID, None, "x.org", IdSeal("0" * 32)) == f"<{UID}@x.org>"
    assert own_id(f"<{UID}@x.org>") == own_id(f"<{UID}@y.org>") == OwnId(UID, None)


@pytest.mark.parametrize(
    "text",
    [
        f"<{UID}.7.@x.org>",
        f"<{UID}.7.0123456789abcde@x.org>",
        f"<{UID}.7.0123456789abcdef0@x.org>",
        f"<{UID}.7.0123456789abcdeg@x.org>",
        f"<{UID}.7.0123456789abcdef.1@x.org>",
        f"<{UID}..0123456789abcdef@x.org>",
        f"<{UID}.{LARGEST_DELIVERY_ID + 1}.0123456789abcdef@x.org>",
    ],
)
def test_what_looks_like_one_and_is_none(text: str) -> None:
    assert own_id(text) is None


@pytest.mark.parametrize("text", ["", "<é@x.org>", "\udcff", "\ud800", "<A@X.org", "<b@x.org>"])
def test_nothing_else_is_the_same(text: str) -> None:
    assert not is_same_id(text, "<a@x.org>")
    assert is_same_id("<A@X.org>", "<a@x.org>")
