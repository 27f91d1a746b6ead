"""With MAILROOM_BOUNCE_ADDRESS the envelope of each mail says, sealed, which delivery it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from mailroom.content.addresses import Address
from mailroom.content.content import Content
from mailroom.content.links.return_tokens import ReturnKey, ReturnParts, ReturnPurpose, read, tokens_in
from mailroom.content.recipients.parsed import Recipient
from mailroom.content.whole.original import read_original
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Submission
from mailroom.ledger.consent import link_keys
from mailroom.ledger.schema import deliveries
from tests.servers import Valkey
from tests.system import System

BOUNCES = "bounces@acme.example"


@pytest.fixture
def system(tmp_path: Path, sqlite_url: str, valkey: Valkey) -> Iterator[System]:
    with System(tmp_path, sqlite_url, valkey.url, [], "--keep", MAILROOM_BOUNCE_ADDRESS=BOUNCES) as system:
        yield system


def accepted(system: System, kind: str, purpose: str, *addresses: str) -> int:
    content = Content(Address("post@acme.example"), "Hi", text="Hi", kind=kind, purpose=purpose)
    recipients = [Recipient(address) for address in addresses]
    return accept(system.database, system.queue, Submission(content, recipients)).mailing_id


def handed_in(system: System, envelope_sender: str, to: str) -> int:
    raw = f"From: Ann <ann@acme.example>\r\nTo: {to}\r\nSubject: Hi\r\n\r\nHi\r\n".encode()
    original = read_original(
        raw, envelope_sender=envelope_sender, uid=to, date=datetime.now(UTC), trace="by test"
    )
    submission = Submission(original.content, [Recipient(to)], original=original)
    return accept(system.database, system.queue, submission).mailing_id


def sent_to(system: System) -> dict[str, str]:
    """Recipient -> what MAIL FROM said."""
    return {message.recipient: message.sender for message in system.sink.messages()}


def sealed(system: System, path: str, purpose: ReturnPurpose) -> tuple[ReturnParts, str]:
    """The token of a path, and the address that it is sealed for."""
    (token,) = tokens_in(path)
    parts = read(token)
    assert parts is not None
    with system.database.read() as connection:
        address = connection.execute(
            select(deliveries.c.address_key).where(deliveries.c.id == parts.delivery_id)
        ).scalar_one()
        assert ReturnKey(*link_keys.newest(connection)).is_sealed(parts, purpose, address)
    return parts, str(address)


def test_of_every_delivery_individual_and_shared(system: System) -> None:
    mailings = [
        accepted(system, "individual", "bulk", "Ann@mail.example", "bob@mail.example"),
        accepted(system, "individual", "transactional", "cy@mail.example"),
        accepted(system, "shared", "transactional", "dora@mail.example", "eve@mail.example"),
    ]
    system.start_workers(1)
    for mailing_id in mailings:
        system.wait_until_over(mailing_id)
    paths = sent_to(system)
    assert len(paths) == 5
    for address, path in paths.items():
        assert re.fullmatch(r"bounces\+[a-z0-9]+@acme\.example", path)
        assert sealed(system, path, ReturnPurpose.BOUNCE)[1] == address.lower()
    (bulk,) = [one for one in system.sink.messages() if one.recipient == "Ann@mail.example"]
    unsubscribe = re.search(rb"<mailto:([^?]+)\?subject=unsubscribe%20", bulk.raw)
    assert unsubscribe is not None
    assert sealed(system, unsubscribe[1].decode(), ReturnPurpose.UNSUBSCRIBE)[1] == "ann@mail.example"


def test_a_path_of_its_own_that_was_handed_in_with_a_message_stays(system: System) -> None:
    """Whoever chose another one than the author's reads what comes back there: a mailing list, say."""
    handed = [
        handed_in(system, "Ann@acme.example", "plain@mail.example"),
        handed_in(system, "list-bounces+7@acme.example", "list@mail.example"),
    ]
    system.start_workers(1)
    for mailing_id in handed:
        system.wait_until_over(mailing_id)
    paths = sent_to(system)
    assert sealed(system, paths["plain@mail.example"], ReturnPurpose.BOUNCE)[1] == "plain@mail.example"
    assert paths["list@mail.example"] == "list-bounces+7@acme.example"


def test_a_sender_who_is_refused_is_one_sender_whatever_the_paths(
    tmp_path: Path, sqlite_url: str, valkey: Valkey
) -> None:
    """Else each refusal would be about somebody else, and never seem to be about all of them."""
    rule = "from bounces+*: reply mail 553 5.7.1 Sender address rejected: not owned by user"
    with System(tmp_path, sqlite_url, valkey.url, [rule], MAILROOM_BOUNCE_ADDRESS=BOUNCES) as system:
        to = [f"someone@{name}.example" for name in "abcdefgh"]
        mailing_id = accepted(system, "individual", "transactional", *to)
        system.start_workers(1)
        system.wait(lambda: system.mailing(mailing_id).held_for)
        held_for = system.mailing(mailing_id).held_for or ""
        assert "refuses the sender post@acme.example: 553 5.7.1" in held_for
        assert not system.counted(mailing_id).get("failed")
