"""A hard bounce stops all mail to an address at once, others after some; policy blames nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update

from mailroom.database.clock import now_millis
from mailroom.engine.feedback.rules import FeedbackRules
from mailroom.engine.send.group import GroupWriter, WriteGroup
from mailroom.ledger import suppressions
from mailroom.ledger.batches.batches import Lease
from mailroom.ledger.consent.scopes import ALL_MAIL
from mailroom.ledger.deliveries.tries import Outcome
from mailroom.ledger.feedback import strikes
from mailroom.ledger.schema import strikes as strikes_table
from mailroom.ledger.states import State
from mailroom.smtp.address_fault import AddressFault, address_fault
from tests.feedback.comes import FULL, GONE, SPAM, Comes

Meet = Callable[..., int]


@pytest.fixture(params=["what comes back", "the relay's refusal"])
def meet(request: pytest.FixtureRequest, comes: Comes) -> Meet:
    """A mail to one address meets this, in either way; its delivery's id."""

    def came_back(address: str = "ann@mail.example", **said: Any) -> int:
        (id,) = comes.sent([address])
        comes.take(comes.report(id, **said))
        assert comes.state(id) == State.BOUNCED
        return id

    def was_refused(address: str = "ann@mail.example", stage: str = "rcpt", **said: Any) -> int:
        mailing_id = comes.book.accept([address])
        lease = comes.book.claim()
        (id,) = comes.book.inside(lease)
        refuse(comes, lease, [Outcome(id, State.FAILED, said["code"], said["words"], "mx:25", stage)])
        assert comes.book.close(lease) and comes.book.states(mailing_id) == {"failed": 1}
        return id

    return came_back if request.param == "what comes back" else was_refused


def refuse(comes: Comes, lease: Lease, outcomes: list[Outcome]) -> None:
    """As the recorder writes it."""
    direct, group = comes.database.direct(), WriteGroup(troubles=outcomes)
    assert GroupWriter(comes.database, direct, lease, comes.rules).write(group).away is None
    assert not group.size
    direct.close()


def test_a_hard_one_stops_all_mail_at_once(comes: Comes, meet: Meet) -> None:
    id = meet(**GONE)
    (listed,) = comes.listed()
    assert (listed.address_key, listed.scope, listed.reason) == ("ann@mail.example", ALL_MAIL, "bounced")
    assert "5.1.1 User unknown" in listed.evidence
    assert (listed.delivery_id, listed.mailing_id) == (id, comes.book.delivery(id).mailing_id)
    assert comes.book.states(comes.book.accept(["ann@mail.example"])) == {"suppressed": 1}


def test_others_count_and_stop_all_mail_after_some(comes: Comes, meet: Meet) -> None:
    meet(**FULL)
    meet("bo@mail.example", **FULL)
    meet(**FULL)
    assert comes.listed() == []
    meet(**FULL)
    (listed,) = comes.listed()
    assert listed.address_key == "ann@mail.example" and listed.evidence.startswith("3 bounces; the last: ")


def test_how_many_is_a_setting(comes: Comes, meet: Meet) -> None:
    comes.rules = FeedbackRules(suppress_after=1)
    meet(**FULL)
    assert [one.reason for one in comes.listed()] == ["bounced"]


def test_policy_blames_no_address_however_often(comes: Comes, meet: Meet) -> None:
    comes.rules = FeedbackRules(suppress_after=1)
    for _ in range(3):
        meet(**SPAM)
    assert comes.listed() == []


def test_half_a_year_without_one_forgives_all(comes: Comes, meet: Meet) -> None:
    meet(**FULL)
    meet(**FULL)
    with comes.database.begin() as connection:
        long_ago = now_millis() - strikes.FORGIVEN_AFTER_MS - 1
        connection.execute(update(strikes_table).values(last_at=long_ago))
    meet(**FULL)
    assert comes.listed() == []
    meet(**FULL)
    meet(**FULL)
    assert len(comes.listed()) == 1


def test_whoever_takes_it_off_the_list_forgives_what_was_counted(comes: Comes, meet: Meet) -> None:
    for _ in range(3):
        meet(**FULL)
    with comes.database.begin() as connection:
        assert suppressions.remove(connection, "ann@mail.example")
    meet(**FULL)
    assert comes.listed() == []


def test_a_mail_strikes_once_however_many_tell_of_it(comes: Comes) -> None:
    (id,) = comes.sent()
    comes.take(*(comes.report(id, **FULL) for _ in range(2)))
    comes.take(*(comes.report(id, **FULL) for _ in range(2)))
    assert comes.listed() == []


def test_a_full_mailbox_that_is_told_as_passing_counts_and_a_code_that_is_not_hard_never_is(
    comes: Comes,
) -> None:
    (id,) = comes.sent()
    comes.take(comes.report(id, is_transient=True, **GONE))
    assert comes.listed() == [] and comes.state(id) == State.BOUNCED


def test_where_an_address_forwards_to_may_be_gone_and_it_is_not(comes: Comes) -> None:
    first, second = comes.sent(2)
    comes.take(comes.report(first, address="ann@elsewhere.example", **GONE))
    assert comes.listed() == [] and comes.state(first) == State.BOUNCED
    comes.take(comes.report(second, address="alias@MAIL.example", **GONE))
    assert [one.address_key for one in comes.listed()] == ["p1@mail.example"]


def test_what_is_refused_after_the_content_blames_an_address_by_its_code_only(comes: Comes) -> None:
    comes.rules = FeedbackRules(suppress_after=1)
    comes.book.accept(3)
    lease = comes.book.claim()
    ids = comes.book.inside(lease)
    words = ("Transaction failed", "5.1.10 RESOLVER.ADR.RecipientNotFound", "5.2.2 Mailbox full")
    refuse(
        *(comes, lease),
        [Outcome(id, State.FAILED, 554, said, "mx:25", "dot") for id, said in zip(ids, words, strict=True)],
    )
    assert [one.delivery_id for one in comes.listed()] == ids[1:]
    comes.book.close(lease)


def test_a_later_is_no_refusal(comes: Comes) -> None:
    comes.rules = FeedbackRules(suppress_after=1)
    comes.book.accept(1)
    lease = comes.book.claim()
    (id,) = comes.book.inside(lease)
    refuse(comes, lease, [Outcome(id, State.DEFERRED, 450, "4.2.2 Full", "mx:25", "rcpt", 60_000)])
    assert comes.listed() == []
    comes.book.close(lease)


GONE_WORDS = (
    *((550, "5.1.1 <a@b.example>: Recipient address rejected: User unknown in virtual mailbox table"),),
    *((550, "5.1.2 Bad destination mailbox address"), (553, "5.1.3 Invalid address")),
    *((556, "5.1.10 Recipient address has a null MX"), (550, "No such user here"), (550, "Unknown user")),
    *(
        (550, "Mailbox not found"),
        (550, "Requested action not taken: mailbox does not exist"),
    ),
    *((550, "Invalid recipient: a@b.example"), (550, "Unrouteable address"), (554, "No such domain")),
    *((550, "#5.1.1 unknown or illegal alias"), (550, "5.0.0 User unknown")),
    *((None, "The email account that you tried to reach does not exist."),),
    *((554, "delivery error: dd This user doesn't have a yahoo.com account (a@b.example) [0]"),),
)
PERHAPS_WORDS = (
    *((552, "5.2.2 Mailbox full"), (550, "5.2.1 The user's mailbox is disabled"), (550, "Rejected")),
    *((550, "Mailbox unavailable"), (550, "Recipient mailbox is full"), (554, "5.4.4 Unable to route")),
    *((550, "5.5.0 Requested action not taken: mailbox unavailable"), (550, "5.1.6 Moved")),
    *((550, "5.1.0 Address rejected"), (554, "delivery error: account unknown or temporarily disabled")),
    *((None, ""), (450, "4.1.1 User unknown"), (550, "5.4.6 Routing loop detected")),
    *((550, "5.1.1 Mailbox is over quota"), (550, "5.1.1 Temporary lookup failure"), (550, "5.1.1 Disabled")),
    *((550, "5.1.1 Undeliverable address: connection timed out"),),
)
NONE_WORDS = (
    *((550, "5.7.1 Recipient not authorized, your IP is listed"), (550, "5.1.1 Message blocked as spam")),
    *((554, "5.7.9 DMARC"), (550, "5.1.8 Sender address rejected"), (550, "5.6.0 Bad content")),
    *((552, "5.3.4 Message too big"), (550, "5.2.3 Message length exceeds limit")),
    *((550, "User unknown; your host is on a blacklist"), (550, "Administrative prohibition")),
    *((550, "5.1.1 Relaying denied"), (550, "Sender verify failed")),
    *((554, "Your message was rejected by our policy: no such user"),),
    *((550, "5.1.1 Access denied"), (550, "Daily sending quota exceeded")),
    *((550, "5.1.1 <a@b.example>: Sender address rejected: User unknown in local recipient table"),),
    *((553, "5.1.2 Domain of sender address does not exist"), (550, "Unrouteable address (sender)")),
    *((550, "5.1.3 Bad sender address syntax"), (550, "5.1.1 Return path user unknown")),
    *((550, "5.1.1 Originator unknown"), (550, "5.1.1 Unknown user in From: header")),
    *((550, "5.1.2 Host unknown: cannot resolve your HELO"), (550, "5.1.1 Rejected: suspicious message")),
    *((550, "5.1.1 Rejected: listed in zen.example"), (550, "5.1.2 Your domain has no MX record")),
)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        *((AddressFault.GONE, said) for said in GONE_WORDS),
        *((AddressFault.PERHAPS, said) for said in PERHAPS_WORDS),
        *((AddressFault.NONE, said) for said in NONE_WORDS),
    ],
    ids=lambda given: given[1] if isinstance(given, tuple) else given.name,
)
def test_whose_fault_it_is_is_told_from_code_and_words(
    fault: AddressFault, said: tuple[int | None, str]
) -> None:
    assert address_fault(*said) is fault


def test_an_address_that_is_not_said_changes_no_words() -> None:
    """A report may name its mail and not whom it went to."""
    for text, fault in (("550 no such user", AddressFault.GONE), ("550 spam", AddressFault.NONE)):
        assert address_fault(550, text, ("ann@mail.example", "")) is fault
        assert address_fault(550, text, ("",)) is fault


def test_a_status_beside_the_words_counts_and_names_in_them_do_not() -> None:
    assert address_fault(None, "smtp; no", status="5.1.1") is AddressFault.GONE
    assert address_fault(550, "5.7.1 no", status="5.1.1") is AddressFault.NONE
    assert address_fault(550, "5.1.1 User unknown", status="5.0.0") is AddressFault.GONE
    assert address_fault(550, "5.1.1 User unknown", status="4.4.1") is AddressFault.PERHAPS
    spam = "5.1.1 spam-policy: User unknown"
    assert address_fault(550, spam, names=["spam-policy"]) is AddressFault.GONE
