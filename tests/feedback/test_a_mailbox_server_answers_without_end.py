"""A mailbox's server that answers hugely takes no memory, and a mailbox that is full is read all the same."""

from __future__ import annotations

import resource
import socketserver
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from mailroom.imap import mailbox as imap_mailbox
from mailroom.imap.mailbox import Aside, Mailbox, MailboxTrouble
from mailroom.imap.place import MailboxPlace
from tests.serving import serve

Answers = Callable[[str], Iterator[bytes]]
MANY = 300_000


@contextmanager
def server(answers: Answers) -> Iterator[MailboxPlace]:
    """Speaks as much IMAP as is asked for; `answers` has what comes before a command's OK."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"* OK [CAPABILITY IMAP4rev1] ready\r\n")
            for line in self.rfile:
                tag, _, command = line.decode().strip().partition(" ")
                try:
                    for piece in answers(command):
                        self.wfile.write(piece)
                    self.wfile.write(f"{tag} OK done\r\n".encode())
                except OSError:
                    return

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as listening:
        serve(listening)
        yield MailboxPlace("127.0.0.1", listening.server_address[1], "ann", "INBOX", is_tls=False)
        listening.shutdown()


def usual(command: str) -> Iterator[bytes]:
    if command.startswith("CAPABILITY"):
        yield b"* CAPABILITY IMAP4rev1\r\n"
    if command.startswith("SELECT"):
        yield b"* %d EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\n" % MANY
    if command.startswith("UID SEARCH"):
        first, _, last = command.split()[2].partition(":")
        numbers = range(int(first), int(last) + 1) if first.isdigit() else range(1, MANY + 1)
        yield b"* SEARCH %b\r\n" % b" ".join(b"%d" % (10_000_000 + number) for number in numbers)


def opened(place: MailboxPlace) -> Mailbox:
    return Mailbox(place, Aside(), lambda client: client.login("ann", "secret"))


def test_a_mailbox_that_somebody_filled_is_searched_in_parts() -> None:
    """imaplib reads no line of more than a million octets: 150,000 mails stopped the watch for good."""
    with server(usual) as place, closing(opened(place)) as mailbox:
        found = mailbox.unseen()
        assert (len(found), found[0], mailbox.validity) == (MANY, 10_000_001, 7)


def test_of_messages_without_end_the_first_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are there as numbers, some gigabytes of them."""
    monkeypatch.setattr(imap_mailbox, "MOST_UNSEEN", 50_000)

    def answers(command: str) -> Iterator[bytes]:
        select = command.startswith("SELECT")
        yield from (b"* %d EXISTS\r\n" % 10**9,) if select else usual(command)

    with server(answers) as place, closing(opened(place)) as mailbox:
        found = mailbox.unseen()
    assert (len(found), found[0]) == (60_000, 10_000_001)


def test_a_search_finds_no_more_than_it_asked_about() -> None:
    def answers(command: str) -> Iterator[bytes]:
        is_search = command.startswith("UID SEARCH")
        yield from (b"* SEARCH%b\r\n" % (b" 1" * 20_001),) if is_search else usual(command)

    with (
        server(answers) as place,
        closing(opened(place)) as mailbox,
        pytest.raises(MailboxTrouble, match="more"),
    ):
        mailbox.unseen()


def endless_lines(command: str) -> Iterator[bytes]:
    yield from usual(command)
    while command.startswith("UID FETCH"):
        yield b"* 1 EXISTS\r\n" * 1_000


def one_large_piece(command: str) -> Iterator[bytes]:
    yield from usual(command)
    if command.startswith("UID FETCH"):
        yield b"* 1 FETCH (UID 1 BODY[]<0> {1000000000}\r\n"
        for _ in range(1_000):
            yield b"x" * 1_000_000


def many_pieces(command: str) -> Iterator[bytes]:
    yield from usual(command)
    while command.startswith("UID FETCH"):
        yield b"* 1 FETCH (UID 1 BODY[]<0> {1000000}\r\n" + b"x" * 1_000_000 + b")\r\n"


@pytest.mark.parametrize("answers", [endless_lines, one_large_piece, many_pieces])
def test_an_answer_without_end_is_trouble(answers: Answers) -> None:
    with server(answers) as place, closing(opened(place)) as mailbox:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(MailboxTrouble, match="more than 16 MiB"):
            mailbox.octets(1, 1 << 20)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10  # kB


def test_a_session_may_last_longer_than_one_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap_mailbox, "MOST_OF_AN_ANSWER", 400_000)
    with server(usual) as place, closing(opened(place)) as mailbox:
        for _ in range(3):
            assert len(mailbox.unseen()) == MANY
