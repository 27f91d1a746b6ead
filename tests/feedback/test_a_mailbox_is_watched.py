"""A mailbox on a real IMAP server: what is in the ledger is put aside, what is no report is left alone."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from imapclient import IMAPClient
from sqlalchemy.exc import OperationalError

from mailroom.cli.operations.doctor import OF_THE_DOCTOR
from mailroom.content.links.return_tokens import ReturnPurpose, tokens_in
from mailroom.engine import returned_mail
from mailroom.engine.feedback.taking import take
from mailroom.engine.mailbox_watch import MailboxWatch, open_mailbox
from mailroom.imap import mailbox as imap_mailbox
from mailroom.imap.mailbox import MailboxTrouble
from mailroom.imap.place import MailboxPlace
from mailroom.ledger.states import State
from mailroom.settings import load
from mailroom.web import Mailroom
from mailroom.web.status.checks import CheckFailed
from tests import dovecot
from tests.conftest import CI
from tests.dovecot import PASSWORD, USER, Dovecot
from tests.feedback.comes import Comes
from tests.feedback.letters import BOUNCES, bounce, letter, path
from tests.servers import Valkey, wait_until
from tests.system import System
from tests.warm_processes import start_python

Watching = Callable[..., MailboxWatch]


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    if not dovecot.is_installed():
        if CI:
            pytest.fail(dovecot.NO_DOVECOT)
        pytest.skip(dovecot.NO_DOVECOT)
    server = Dovecot()
    yield server
    server.remove()


@pytest.fixture(autouse=True)
def _empty(server: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap_mailbox, "LOOKS_UP_EVERY", 0.1)  # a watch ends the sooner
    with visit(server) as client:
        if found := client.search("ALL"):
            client.delete_messages(found)
            client.expunge()
        if client.folder_exists("Taken"):
            client.delete_folder("Taken")


@contextmanager
def visit(server: Dovecot, folder: str = "INBOX") -> Iterator[IMAPClient]:
    """As its owner."""
    client = IMAPClient("127.0.0.1", server.imap, ssl=False, timeout=10)
    client.login(USER, PASSWORD)
    client.select_folder(folder)
    yield client
    client.logout()


def subjects(server: Dovecot, criteria: str = "ALL", folder: str = "INBOX") -> list[str]:
    with visit(server, folder) as client:
        found = client.fetch(client.search(criteria), ["ENVELOPE"])
        return sorted(one[b"ENVELOPE"].subject.decode() for one in found.values())


@pytest.fixture
def environment(settings_env: dict[str, str], database_url: str, server: Dovecot) -> dict[str, str]:
    return settings_env | {
        "DATABASE_URL": database_url,
        "MAILROOM_BOUNCE_ADDRESS": BOUNCES,
        "MAILROOM_BOUNCE_MAILBOX": server.url,
        "MAILROOM_BOUNCE_PASSWORD": PASSWORD,
    }


@pytest.fixture
def watching(comes: Comes, environment: dict[str, str]) -> Iterator[Watching]:
    started: list[MailboxWatch] = []

    def start(**more: str) -> MailboxWatch:
        given = {name: value for name, value in (environment | more).items() if value}
        watch = MailboxWatch(comes.database, load(given))
        started.append(watch)
        watch.start()
        return watch

    yield start
    for watch in started:
        watch.stop()


def test_what_is_in_the_ledger_is_seen_and_the_rest_left_alone(
    comes: Comes, server: Dovecot, watching: Watching
) -> None:
    ann, bob, cy = comes.sent(["ann@mail.example", "bob@mail.example", "cy@mail.example"])
    person = letter(path(comes.token(ann)), "Why do you write?")
    away = letter(path(comes.token(ann)), "Out of office: Hello")
    server.deliver(person, bounce(comes.token(ann), "ann@mail.example"), away)
    watching()
    wait_until(lambda: comes.state(ann) == State.BOUNCED, 10, "what was there")
    wait_until(lambda: subjects(server, "SEEN") == ["Undelivered Mail Returned to Sender"], 10, "its mark")
    began = time.monotonic()
    server.deliver(bounce(comes.token(bob), "bob@mail.example"))
    server.deliver(letter(path(comes.token(cy, ReturnPurpose.UNSUBSCRIBE)), "no more"))
    wait_until(lambda: comes.state(bob) == State.BOUNCED and len(comes.listed()) == 3, 10, "what came")
    assert time.monotonic() - began < 5, "it was told of by IDLE"
    wait_until(lambda: len(subjects(server, "SEEN")) == 3, 10, "its mark")
    assert subjects(server, "UNSEEN") == ["Out of office: Hello", "Why do you write?"]


@pytest.mark.parametrize(("choice", "folder"), [("delete", ""), ("move:Taken", "Taken")])
def test_or_it_is_deleted_or_moved(
    comes: Comes, server: Dovecot, watching: Watching, choice: str, folder: str
) -> None:
    ids = comes.sent(3)
    server.deliver(letter(BOUNCES, "Hello"))
    with visit(server) as client:  # somebody else's mark, which is not ours to act upon
        client.add_flags(client.search("ALL"), [b"\\Deleted"])
    server.deliver(*(bounce(comes.token(id), comes.book.delivery(id).address) for id in ids))
    watching(MAILROOM_BOUNCE_TAKEN=choice)
    wait_until(lambda: {comes.state(id) for id in ids} == {State.BOUNCED}, 10)
    wait_until(lambda: subjects(server) == ["Hello"], 10, "an empty mailbox")
    if folder:
        assert len(subjects(server, folder=folder)) == 3


def test_a_token_in_place_of_a_password(comes: Comes, server: Dovecot, watching: Watching) -> None:
    (id,) = comes.sent(["ann@mail.example"])
    server.deliver(bounce(comes.token(id), "ann@mail.example"))
    command = f"{sys.executable} -c \"print('{server.token()}')\""
    watching(MAILROOM_BOUNCE_PASSWORD="", MAILROOM_BOUNCE_TOKEN_COMMAND=command)
    wait_until(lambda: comes.state(id) == State.BOUNCED, 10)


def test_two_watch_and_one_reads(comes: Comes, server: Dovecot, watching: Watching) -> None:
    ids = comes.sent(6)
    server.deliver(*(bounce(comes.token(id), comes.book.delivery(id).address) for id in ids))
    watching()
    watching()
    wait_until(lambda: {comes.state(id) for id in ids} == {State.BOUNCED}, 10)
    assert comes.number_kept() == 6
    assert server.log().count("Login: user=") >= 1


def test_of_several_workers_one_does_it(
    server: Dovecot, tmp_path: Path, sqlite_url: str, valkey: Valkey
) -> None:
    """From the envelope of a mail to the state of its delivery."""
    mailbox = {"MAILROOM_BOUNCE_MAILBOX": server.url, "MAILROOM_BOUNCE_PASSWORD": PASSWORD}
    with System(tmp_path, sqlite_url, valkey.url, MAILROOM_BOUNCE_ADDRESS=BOUNCES, **mailbox) as system:
        mailing_id = system.accept(["ann@mail.example"]).mailing_id
        system.start_workers(2)
        system.wait_until_over(mailing_id)
        (mail,) = system.sink.messages()
        server.deliver(bounce(tokens_in(mail.sender)[0], "ann@mail.example"), to=mail.sender)
        system.wait(lambda: system.counts(mailing_id) == {State.BOUNCED: 1})
        assert system.log.count("the bounce mailbox is watched") == 1
        assert PASSWORD not in system.log


def test_the_doctor_says_how_bounces_come(comes: Comes, server: Dovecot, environment: dict[str, str]) -> None:
    def asked(**more: str) -> str:
        given = {name: value for name, value in (environment | more).items() if value}
        return OF_THE_DOCTOR["bounces"](Mailroom(load(given), comes.database, comes.book.queue))

    server.deliver(letter(BOUNCES))
    assert asked() == "the bounce mailbox lets us in; 1 unseen"
    with pytest.raises(CheckFailed, match="cannot be used") as refused:
        asked(MAILROOM_BOUNCE_PASSWORD="a wrong one")
    assert "a wrong one" not in str(refused.value)
    without = {"MAILROOM_BOUNCE_MAILBOX": "", "MAILROOM_BOUNCE_PASSWORD": ""}
    assert f"come to {BOUNCES}" in asked(**without)
    assert "MAILROOM_BOUNCE_ADDRESS is not set" in asked(**without, MAILROOM_BOUNCE_ADDRESS="")


def test_while_the_ledger_is_away_everything_stays_where_it_is(
    comes: Comes, server: Dovecot, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    (id,) = comes.sent(["ann@mail.example"])
    server.deliver(bounce(comes.token(id), "ann@mail.example"))
    tries: list[int] = []

    def away(*_: object) -> None:
        tries.append(1)
        raise OperationalError("", {}, Exception("the server is starting up"))

    with monkeypatch.context() as patched:
        patched.setattr(returned_mail, "take", away)
        watching()
        wait_until(lambda: tries, 10)
        assert len(subjects(server, "UNSEEN")) == 1
    wait_until(lambda: comes.state(id) == State.BOUNCED, 15, "the next try")
    wait_until(lambda: subjects(server, "UNSEEN") == [], 10)


def test_a_message_that_breaks_the_reader_holds_up_no_other(
    comes: Comes, server: Dovecot, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = comes.sent(["ann@mail.example", "bob@mail.example"])

    def picky(database: object, given: list[object], *rest: object) -> object:
        if "ann@" in str(given[0]):
            raise ZeroDivisionError
        return take(database, given, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(returned_mail, "take", picky)
    server.deliver(bounce(comes.token(ann), "ann@mail.example"), bounce(comes.token(bob), "bob@mail.example"))
    watching()
    wait_until(lambda: comes.state(bob) == State.BOUNCED, 10)
    wait_until(lambda: len(subjects(server, "SEEN")) == 1, 10)
    assert len(subjects(server, "UNSEEN")) == 1, "it is there for a release that can read it"


def test_a_server_that_hangs_stops_nobody(
    comes: Comes, server: Dovecot, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap_mailbox, "MAILBOX_CONNECT_SECONDS", 0.5)
    monkeypatch.setattr(imap_mailbox, "MAILBOX_READ_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        hanging = environment | {"MAILROOM_BOUNCE_MAILBOX": f"imap://x@127.0.0.1:{port}/INBOX"}
        with pytest.raises(MailboxTrouble):
            open_mailbox(load(hanging))
        watch = MailboxWatch(comes.database, load(hanging))
        watch.start()
        began = time.monotonic()
        watch.stop()
        assert time.monotonic() - began < 3


def test_a_server_that_lets_us_not_in_says_why(environment: dict[str, str]) -> None:
    with pytest.raises(MailboxTrouble, match="AUTHENTICATIONFAILED") as refused:
        open_mailbox(load(environment | {"MAILROOM_BOUNCE_PASSWORD": "a wrong one"}))
    assert "a wrong one" not in str(refused.value)
    with pytest.raises(MailboxTrouble, match="printed no token"):
        without = {name: value for name, value in environment.items() if name != "MAILROOM_BOUNCE_PASSWORD"}
        open_mailbox(load(without | {"MAILROOM_BOUNCE_TOKEN_COMMAND": "true"}))


def test_a_worker_that_is_killed_loses_none_and_counts_none_twice(
    comes: Comes, server: Dovecot, environment: dict[str, str], tmp_path: Path
) -> None:
    ids = comes.sent(40)
    # Ten at a time: of all at once, little may be left for the next kill when this process has to wait.
    to_come = [bounce(comes.token(id), comes.book.delivery(id).address) for id in ids]
    kills = 0
    while to_come or any(comes.state(id) != State.BOUNCED for id in ids) or subjects(server, "UNSEEN"):
        server.deliver(*to_come[:10])
        del to_come[:10]
        process = start_python(["-m", "tests.feedback.watcher"], os.environ | environment, tmp_path / "log")
        before, until = comes.number_kept(), time.monotonic() + 10
        while comes.number_kept() < min(before + 8, 40 - len(to_come)) and time.monotonic() < until:
            time.sleep(0.005)
        if kills >= 4:
            wait_until(lambda: not subjects(server, "UNSEEN"), 20, "the rest")
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        kills += 1
        assert kills < 30, (tmp_path / "log").read_text()
    assert kills > 3
    assert comes.number_kept() == 40, "one fact for each"


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("imaps://b@imap.example.org", MailboxPlace("imap.example.org", 993, "b", "INBOX", True)),
        (
            "imap://b%40a.example@10.0.0.1:1143/Bounces/New%20ones",
            MailboxPlace("10.0.0.1", 1143, "b@a.example", "Bounces/New ones", False),
        ),
        ("imaps://b@a.example@h.example/INBOX", MailboxPlace("h.example", 993, "b@a.example", "INBOX", True)),
    ],
)
def test_a_place_is_what_its_url_says(url: str, place: MailboxPlace, settings_env: dict[str, str]) -> None:
    settings = load(
        settings_env | {"MAILROOM_BOUNCE_MAILBOX": url, "MAILROOM_BOUNCE_PASSWORD": "secret word"}
    )
    assert MailboxPlace.of(str(settings.bounce_mailbox)) == place
    assert "secret word" in settings.secrets
