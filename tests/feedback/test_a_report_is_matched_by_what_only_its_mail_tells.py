"""A token, or the Message-ID with its address: nothing less makes a report a fact of a delivery."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select, update

from mailroom.content.links.link_tokens import LinkKey
from mailroom.content.links.return_tokens import ReturnKey, ReturnPurpose
from mailroom.content.message.message_ids import IdSeal
from mailroom.engine.feedback import matching
from mailroom.engine.feedback.rules import FeedbackRules
from mailroom.engine.feedback.taking import MOST_OF_A_KIND
from mailroom.feedback.report import MOST_RAW_OCTETS, Report, ReportKind
from mailroom.ledger.consent import link_keys
from mailroom.ledger.feedback import reports
from mailroom.ledger.schema import mailings
from mailroom.ledger.states import State
from tests.feedback.comes import GONE, SHARED, Comes


def by_message_id(comes: Comes, delivery_id: int, **said: object) -> Report:
    found = {"address": comes.book.delivery(delivery_id).address, "message_id": comes.message_id(delivery_id)}
    return comes.report(delivery_id, **{"token": "", **found, **GONE, **said})


def refused(comes: Comes, report: Report) -> str:
    """Why it is of no delivery; it is kept, and changes nothing."""
    (taken,) = comes.take(report)
    assert taken.delivery_id is None and taken.is_new
    with comes.database.read() as connection:
        told = reports.unmatched(connection)[0]
    assert told.fact.unmatched == taken.unmatched and told.fact.key == report.key
    assert not comes.listed()
    return taken.unmatched


def test_by_the_token_of_an_unsubscribe_link(comes: Comes) -> None:
    (id,) = comes.sent()
    with comes.database.read() as connection:
        key = LinkKey(*link_keys.newest(connection))
    link = key.seal((str(id), "p0@mail.example", "post@mailroom.example", ""))
    comes.take(comes.report(id, ReportKind.COMPLAINED, token=link))
    assert comes.book.delivery(id).complained_at is not None


def test_a_token_in_large_letters_is_the_same(comes: Comes) -> None:
    (id,) = comes.sent()
    comes.take(comes.report(id, token=comes.token(id).upper(), **GONE))
    assert comes.state(id) == State.BOUNCED


def test_a_wrong_token_is_a_forgery_whatever_else_fits(comes: Comes) -> None:
    first, second = comes.sent(2)
    with comes.database.read() as connection:
        number, secret = link_keys.newest(connection)
    address_key = comes.book.delivery(first).address_key
    forged = [
        comes.token(second)[:23] + f"{first:x}",  # another's seal
        ReturnKey(number, bytes(32)).seal(ReturnPurpose.BOUNCE, first, address_key),
        ReturnKey(number + 1, secret).seal(ReturnPurpose.BOUNCE, first, address_key),
        "b0",
        "é" * 40,
        LinkKey(number, bytes(32)).seal((str(first), address_key, "post@mailroom.example", "")),
    ]
    for token in forged:
        assert refused(comes, by_message_id(comes, first, token=token)) == matching.FORGED, token
    assert comes.state(first) == comes.state(second) == State.SENT


def test_a_token_of_a_delivery_that_is_another_s_by_now_is_none(comes: Comes) -> None:
    """A ledger that was restored gives numbers anew."""
    (id,) = comes.sent()
    with comes.database.read() as connection:
        key = ReturnKey(*link_keys.newest(connection))
    before = key.seal(ReturnPurpose.BOUNCE, id, "somebody@else.example")
    assert refused(comes, comes.report(id, token=before, **GONE)) == matching.FORGED
    never = key.seal(ReturnPurpose.BOUNCE, 10**9, "somebody@else.example")
    assert refused(comes, comes.report(id, token=never, **GONE)) == matching.NOT_IN_LEDGER


def test_by_message_id_and_address_together(comes: Comes) -> None:
    (id,) = comes.sent()
    assert comes.take(by_message_id(comes, id, address="P0@MAIL.example"))[0].delivery_id == id
    assert comes.state(id) == State.BOUNCED


def test_who_has_another_mail_of_the_mailing_can_report_no_neighbour_s(comes: Comes) -> None:
    first, second = comes.sent(2)
    own = comes.message_id(first)
    with comes.database.begin() as connection:
        uid = connection.execute(select(mailings.c.uid)).scalar_one()
        seal = own.removeprefix(f"<{uid}.{first}.").partition("@")[0]
    guesses = [
        own.replace(f".{first}.", f".{second}."),
        own.replace(f".{first}.{seal}", f".{second}"),
        own.replace(f".{first}.{seal}", f".{second}.{IdSeal('').of(second)}"),
        own.replace(f".{first}.{seal}", f".{second}.{IdSeal(uid[:32]).of(second)}"),
        own.replace(f".{first}.{seal}", ""),
    ]
    for kind in (ReportKind.BOUNCED, ReportKind.COMPLAINED):
        for guess in guesses:
            report = replace(by_message_id(comes, second, message_id=guess), kind=kind)
            assert refused(comes, report) == matching.NOT_OURS, guess
    assert comes.state(second) == State.SENT and comes.book.delivery(second).complained_at is None
    comes.take(by_message_id(comes, first))
    assert comes.state(first) == State.BOUNCED, "his own"


def test_mail_that_an_older_mailroom_sent_is_known_as_ever(comes: Comes) -> None:
    """By names of which one tells the others; where return paths are not signed, each counts once."""
    first, second, third = comes.sent(3)
    with comes.database.begin() as connection:
        connection.execute(update(mailings).values(id_secret=None))
    guessed = comes.message_id(first).replace(f".{first}@", f".{second}@")
    comes.take(by_message_id(comes, second, message_id=guessed))
    assert comes.state(second) == State.BOUNCED and comes.listed() == []
    comes.take(by_message_id(comes, third, is_proven=True), comes.report(first, **GONE))
    assert {one.delivery_id for one in comes.listed()} == {first, third}, "of whom it is certain"


def test_of_what_fits_nothing_no_more_is_kept_than_is_shown(comes: Comes) -> None:
    (id,) = comes.sent()
    long = b"x" * MOST_RAW_OCTETS
    comes.take(comes.report(id, raw=long, token="b0"), comes.report(id, raw=long))
    assert [len(row.raw) for row in comes.kept()] == [reports.LISTED_OCTETS, MOST_RAW_OCTETS]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"address": "other@mail.example"}, matching.NOT_OURS),
        ({"address": ""}, matching.NO_ADDRESS),
        ({"message_id": ""}, matching.NOTHING_SAID),
        ({"message_id": "<anything@mail.example>"}, matching.NOT_OURS),
        ({"message_id": f"<{'0' * 36}.1@mailroom.example>"}, matching.NOT_OURS),
        ({"message_id": f"<{'0' * 36}.{10**18}@mailroom.example>"}, matching.NOT_OURS),
        ({"message_id": f"<{'0' * 36}.{'9' * 19}@mailroom.example>"}, matching.NOT_OURS),
        ({"message_id": "<" + "x" * 100_000 + "@mail.example>"}, matching.NOT_OURS),
        ({"message_id": "a\0b\udcff"}, matching.NOT_OURS),
        ({"address": "a\0b\udcff", "message_id": "<x@y>"}, matching.NOT_OURS),
    ],
)
def test_one_of_them_alone_is_not_enough(comes: Comes, said: dict[str, str], why: str) -> None:
    (id,) = comes.sent()
    assert refused(comes, by_message_id(comes, id, **said)) == why
    assert comes.state(id) == State.SENT


def test_a_message_id_of_the_same_number_and_another_mailing_is_none(comes: Comes) -> None:
    (first,), (second,) = comes.sent(), comes.sent()
    uid_of = {id: comes.message_id(id)[1:37] for id in (first, second)}
    mixed = comes.message_id(second).replace(uid_of[second], uid_of[first])
    assert refused(comes, by_message_id(comes, second, message_id=mixed)) == matching.NOT_OURS


def test_of_a_shared_mailing_the_address_decides(comes: Comes) -> None:
    first, second = comes.sent(2, content=SHARED)
    assert comes.message_id(first) == comes.message_id(second)
    comes.take(by_message_id(comes, second))
    assert (comes.state(first), comes.state(second)) == (State.SENT, State.BOUNCED)
    unnamed = by_message_id(comes, first, address="", is_proven=True)
    (taken,) = comes.take(unnamed)
    assert taken.unmatched == matching.OF_SEVERAL


def test_of_a_message_that_came_with_its_own_id_the_address_decides_too(comes: Comes) -> None:
    """And of several mailings of it the last."""
    own = "<" + "long." * 1_000 + "@program.example>"
    handed_in = [comes.sent(2), comes.sent(2)]
    with comes.database.begin() as connection:
        connection.execute(update(mailings).values(message_id=own))
    (taken,) = comes.take(by_message_id(comes, handed_in[0][1]))
    assert taken.delivery_id == handed_in[1][1]
    assert comes.book.states(comes.book.delivery(handed_in[0][0]).mailing_id) == {"sent": 2}
    made_up = f"<{'0' * 36}.{handed_in[0][0]}@mailroom.example>"
    (taken,) = comes.take(by_message_id(comes, handed_in[0][0], message_id=made_up))
    assert taken.unmatched == matching.NOT_OURS


def test_what_is_vouched_for_needs_the_message_id_only(comes: Comes) -> None:
    (id,) = comes.sent()
    comes.take(by_message_id(comes, id, address="", is_proven=True))
    assert comes.state(id) == State.BOUNCED


def test_where_return_paths_are_signed_no_other_counts_unless_it_is_vouched_for(comes: Comes) -> None:
    comes.rules = FeedbackRules(is_signed=True)
    first, second = comes.sent(2)
    assert refused(comes, by_message_id(comes, first)) == matching.NOT_SIGNED
    comes.take(by_message_id(comes, first, is_proven=True), comes.report(second, **GONE))
    assert comes.state(first) == comes.state(second) == State.BOUNCED


def test_what_fits_nothing_is_kept_within_bounds(comes: Comes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "UNMATCHED_KEPT", 3)
    (id,) = comes.sent()
    for number in range(5):
        comes.take(comes.report(id, token="b0", words=str(number)))
    with comes.database.read() as connection:
        assert [told.fact.words for told in reports.unmatched(connection)] == ["4", "3", "2"]
        assert reports.count_unmatched(connection) == 3
    monkeypatch.setattr(reports, "UNMATCHED_KEPT_MS", -1)
    comes.take(comes.report(id, token="b0"))
    with comes.database.read() as connection:
        assert reports.count_unmatched(connection) == 0


def test_who_has_a_mail_cannot_fill_the_ledger(comes: Comes) -> None:
    (id,) = comes.sent()
    delays = [comes.report(id, ReportKind.DELAYED) for _ in range(MOST_OF_A_KIND + 1)]
    assert [taken.unmatched for taken in comes.take(*delays)] == [""] * MOST_OF_A_KIND + [
        matching.SAID_ENOUGH
    ]
    (taken,) = comes.take(comes.report(id, ReportKind.DELAYED))
    assert taken.unmatched == matching.SAID_ENOUGH
    comes.take(comes.report(id, **GONE))
    assert comes.state(id) == State.BOUNCED, "another kind is another thing"
