"""`flask bounces read`: what is handed in is in the ledger, or has to be handed in again."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy.exc import OperationalError

from app import create_app
from mailroom.content.links.return_tokens import ReturnPurpose
from mailroom.engine import returned_mail
from mailroom.feedback.report import ReportKind
from mailroom.ledger import suppressions
from mailroom.ledger.states import State
from mailroom.settings import Settings, load
from tests.feedback.comes import Comes
from tests.feedback.letters import BOUNCES, bounce, letter, path
from tests.links import links_of

Pipe = Callable[[bytes], Result]


@pytest.fixture
def pipe(settings_env: dict[str, str], database_url: str) -> Pipe:
    app = create_app(load(settings_env | {"DATABASE_URL": database_url, "MAILROOM_BOUNCE_ADDRESS": BOUNCES}))
    runner = app.test_cli_runner()
    return lambda octets: runner.invoke(args=["bounces", "read"], input=io.BytesIO(octets))


def test_a_bounce_is_a_fact_of_its_delivery_once(comes: Comes, pipe: Pipe) -> None:
    (id,) = comes.sent(["ann@mail.example"])
    octets = bounce(comes.token(id), "ann@mail.example")
    assert pipe(octets).exit_code == 0
    assert comes.state(id) == State.BOUNCED
    again = pipe(b"From MAILER-DAEMON  Tue Nov  3 10:00:02 2026\nDelivered-To: x\n" + octets)
    assert (again.exit_code, again.output.strip()) == (0, "1 report, 1 known before.")
    assert comes.number_kept() == 1
    assert [one.address_key for one in comes.listed()] == ["ann@mail.example"]


def test_what_is_of_nobody_is_taken_too(comes: Comes, pipe: Pipe) -> None:
    (id,) = comes.sent(["ann@mail.example"])
    forged = comes.token(id)[:-2] + "ff"
    without = bounce("x", "ann@mail.example").replace(b"+x@", b"@")
    for octets in (
        bounce(forged, "ann@mail.example"),
        without,
        letter(path(comes.token(id))),
        b"",
        b"\0\xff",
    ):
        assert pipe(octets).exit_code == 0
    assert comes.state(id) == State.SENT and comes.listed() == []


def test_a_delay_changes_no_state(comes: Comes, pipe: Pipe) -> None:
    (id,) = comes.sent(["ann@mail.example"])
    pipe(bounce(comes.token(id), "ann@mail.example", action="delayed", status="4.4.1"))
    assert comes.state(id) == State.SENT
    assert [row.kind for row in comes.kept()] == [ReportKind.DELAYED]


def test_the_ledger_is_away(comes: Comes, pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    (id,) = comes.sent(["ann@mail.example"])
    octets = bounce(comes.token(id), "ann@mail.example")

    def away(*_: object) -> None:
        raise OperationalError("", {}, Exception("the server is starting up"))

    for trouble in (away, lambda *_: 1 / 0):
        with monkeypatch.context() as patched:
            patched.setattr(returned_mail, "take", trouble)
            assert pipe(octets).exit_code == 75
    assert comes.state(id) == State.SENT
    assert pipe(octets).exit_code == 0
    assert comes.state(id) == State.BOUNCED


def test_a_ledger_that_does_not_fit_is_away_too(settings: Settings, tmp_path: Path) -> None:
    empty = settings.model_copy(update={"database_url": f"sqlite:///{tmp_path}/empty.db"})
    (tmp_path / "empty.db").touch()
    done = create_app(empty).test_cli_runner().invoke(args=["bounces", "read"], input=io.BytesIO(b"x"))
    assert done.exit_code == 75, done.output


def test_a_large_one_is_read_to_its_end_and_kept_in_part(comes: Comes, pipe: Pipe) -> None:
    (id,) = comes.sent(["ann@mail.example"])
    whole = bounce(comes.token(id), "ann@mail.example").replace(
        b"--b--",
        b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\n" + b"x" * 5_000_000 + b"\r\n--b--",
    )
    assert pipe(whole).exit_code == 0
    assert comes.state(id) == State.BOUNCED


def test_a_mail_to_an_unsubscribe_address_is_an_unsubscription(comes: Comes, pipe: Pipe) -> None:
    ann, bob = comes.sent(["ann@mail.example", "bob@mail.example"])
    token = comes.token(ann, ReturnPurpose.UNSUBSCRIBE)
    for _ in range(2):  # whatever it says, from whom ever
        assert pipe(letter(path(token).upper(), subject="", sender="somebody@else.example")).exit_code == 0
    (listed,) = comes.listed()
    assert (listed.address_key, listed.scope.word, listed.reason) == (
        "ann@mail.example",
        "sender",
        "unsubscribed",
    )
    assert listed.evidence == "a mail to its own unsubscribe address"
    assert (comes.state(ann), comes.state(bob)) == (State.SENT, State.SENT)


def test_whoever_subscribed_again_is_not_unsubscribed_by_a_copy(comes: Comes, pipe: Pipe) -> None:
    (id,) = comes.sent(["ann@mail.example"])
    to = path(comes.token(id, ReturnPurpose.UNSUBSCRIBE))
    wish, anew, nameless = letter(to), letter(to), letter(to).replace(b"Message-ID", b"X-Was")
    pipe(wish)
    assert len(comes.listed()) == 1
    for octets, is_heeded in ((wish, False), (anew, True), (nameless, True), (nameless, True), (wish, False)):
        with comes.database.begin() as connection:
            suppressions.remove(connection, "ann@mail.example")
        assert pipe(b"Delivered-To: x\r\n" + octets).exit_code == 0
        assert len(comes.listed()) == is_heeded


def test_one_mail_to_two_unsubscribe_addresses_is_two(comes: Comes, pipe: Pipe) -> None:
    tokens = [
        comes.token(id, ReturnPurpose.UNSUBSCRIBE) for id in comes.sent(["ann@a.example", "ann@b.example"])
    ]
    pipe(letter(", ".join(map(path, tokens))))
    assert {one.address_key for one in comes.listed()} == {"ann@a.example", "ann@b.example"}


def test_a_bounce_s_token_unsubscribes_nobody_nor_the_other_way_round(comes: Comes, pipe: Pipe) -> None:
    (id,) = comes.sent(["ann@mail.example"])
    bounces, unsubscribes = comes.token(id), comes.token(id, ReturnPurpose.UNSUBSCRIBE)
    for other in ("u" + bounces[1:], "b" + unsubscribes[1:]):
        pipe(letter(path(other)))
        pipe(bounce(other, "ann@mail.example"))
    assert comes.listed() == [] and comes.state(id) == State.SENT


def test_the_subject_s_link_is_enough(comes: Comes, pipe: Pipe) -> None:
    (id,) = comes.sent(["ann@mail.example"])
    link = links_of(comes.database, comes.book.delivery(id).mailing_id)["ann@mail.example"]
    pipe(letter(BOUNCES, subject=f"unsubscribe\r\n {link.rpartition('/')[2]}"))
    assert [one.reason for one in comes.listed()] == ["unsubscribed"]
    pipe(letter(BOUNCES, subject="unsubscribe " + "A" * 90))
    assert len(comes.listed()) == 1
