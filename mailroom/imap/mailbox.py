"""Mailbox: one IMAP session in one folder. New messages are the unseen ones; what is taken is put aside."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address

from imapclient import DELETED, SEEN, IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientError

from mailroom.imap.place import MailboxPlace

MAILBOX_CONNECT_SECONDS, MAILBOX_READ_SECONDS = 10.0, 30.0

IDLES_FOR = 240.0
"""Seconds of one IDLE (RFC 2177 allows half an hour): a connection that died unseen is found out so soon."""

POLLED_EVERY = 60.0
"""Seconds between two looks into a mailbox whose server cannot IDLE."""

LOOKS_UP_EVERY = 1.0
"""Seconds after which a wait looks whether it has been called off."""

SEARCHED_AT_ONCE = 20_000
"""Messages of a folder: whoever fills it with a million must not make the answer too long to be read."""

MOST_UNSEEN = 1_000_000
"""Messages that are found in one round: each is a number in memory. What is left is found in the next one."""

MOST_OF_AN_ANSWER = 16 << 20
"""Octets of an answer to one command. A message is fetched up to a megabyte of it."""

OF_A_LINE = 200
"""Octets that a line takes in memory beside its own."""


class MailboxTrouble(Exception):
    """The mailbox cannot be used just now; `str()` says why, and no secret."""


@dataclass(frozen=True, slots=True)
class Aside:
    """What becomes of a message that was taken. `folder`: where it is moved; "": it stays, or is deleted."""

    folder: str = ""
    is_deleted: bool = False

    @classmethod
    def of(cls, choice: str) -> Aside:
        """`seen`, `delete`, or `move:FOLDER`."""
        return cls(choice.removeprefix("move:") if choice.startswith("move:") else "", choice == "delete")


class Mailbox:
    """Belongs to one thread. Whatever goes wrong is a MailboxTrouble."""

    def __init__(self, place: MailboxPlace, aside: Aside, sign_in: Callable[[IMAPClient], object]) -> None:
        self._aside, self._folder = aside, place.folder
        self._most = _MostOfAnAnswer()
        with _told():
            self._client = _connected(place, self._most)
        try:
            with _told():
                sign_in(self._client)
                if aside.folder and not self._client.folder_exists(aside.folder):
                    self._client.create_folder(aside.folder)
                self._selected()
        except BaseException:
            self.close()
            raise

    def _selected(self) -> int:
        """How many messages are in the folder by now."""
        self._most.begin()
        selected = self._client.select_folder(self._folder)
        self.validity = int(selected.get(b"UIDVALIDITY", 0))
        return int(selected.get(b"EXISTS", 0))

    def unseen(self) -> list[int]:
        """The ids (UIDs) of messages that nobody has seen, the oldest first, up to some MOST_UNSEEN."""
        with _told():
            found, there_are = list[int](), self._selected()
            for first in range(1, there_are + 1, SEARCHED_AT_ONCE):
                if len(found) >= MOST_UNSEEN:
                    break
                self._most.begin()
                some = f"{first}:{min(first + SEARCHED_AT_ONCE - 1, there_are)}"
                unseen = self._client.search([some, "UNSEEN", "NOT", "DELETED"])
                if len(unseen) > SEARCHED_AT_ONCE:
                    raise MailboxTrouble("the server names more messages than it was asked about")
                found += unseen
            return sorted(found)

    def octets(self, uid: int, most: int) -> bytes | None:
        """The first `most` octets of a message, which stays unseen; None: it is gone."""
        with _told():
            self._most.begin()
            found = self._client.fetch([uid], [f"BODY.PEEK[]<0.{most}>"]).get(uid, {})
        return next((value for name, value in found.items() if name.startswith(b"BODY[]")), None)

    def put_aside(self, uids: Sequence[int]) -> None:
        """These were taken. Harmless for one that is gone."""
        if not uids:
            return
        with _told():
            self._most.begin()
            self._client.add_flags(uids, [SEEN], silent=True)
            if self._aside.folder and self._client.has_capability("MOVE"):
                self._client.move(uids, self._aside.folder)
            elif self._aside.folder:
                self._client.copy(uids, self._aside.folder)
                self._expunge(uids)
            elif self._aside.is_deleted:
                self._expunge(uids)

    def wait(self, stopped: threading.Event) -> None:
        """Until something may have come, or it is called off."""
        with _told():
            self._most.begin()
            if self._client.has_capability("IDLE"):
                self._idle(stopped)
            else:
                stopped.wait(POLLED_EVERY)
                self._client.noop()

    def close(self) -> None:
        """Without a farewell: a server that hangs would not hear it."""
        with suppress(Exception):
            self._client.shutdown()

    def _idle(self, stopped: threading.Event) -> None:
        until = time.monotonic() + IDLES_FOR
        self._client.idle()
        while not stopped.is_set() and time.monotonic() < until:
            began = time.monotonic()
            # One that ended early without a word is a connection that has closed: idle_done says so.
            if _tells_of_mail(self._client.idle_check(LOOKS_UP_EVERY)) or _was_early(began):
                break
        self._client.idle_done()

    def _expunge(self, uids: Sequence[int]) -> None:
        """These alone: what somebody else marked is not ours to remove."""
        self._client.add_flags(uids, [DELETED], silent=True)
        if self._client.has_capability("UIDPLUS"):
            self._client.uid_expunge(uids)
        elif set(self._client.search(["DELETED"])) <= set(uids):
            self._client.expunge()


def _tells_of_mail(said: Iterable[Sequence[object]]) -> bool:
    return any(b"EXISTS" in line or b"RECENT" in line for line in said)


def _was_early(began: float) -> bool:
    return time.monotonic() - began < LOOKS_UP_EVERY / 2


class _MostOfAnAnswer:
    """Bounds what is read of an answer: imaplib makes room for whatever a server announces, and keeps every
    line until an answer ends. Raises MailboxTrouble.
    """

    def __init__(self) -> None:
        self._left = MOST_OF_AN_ANSWER

    def begin(self) -> None:
        """Another command follows."""
        self._left = MOST_OF_AN_ANSWER

    def put_before(self, client: IMAPClient) -> None:
        inner = client._imap
        read, readline = inner.read, inner.readline

        def read_within(size: int) -> bytes:
            self._spend(size)
            octets: bytes = read(size)
            return octets

        def readline_within() -> bytes:
            line: bytes = readline()
            self._spend(len(line) + OF_A_LINE)
            return line

        inner.read, inner.readline = read_within, readline_within

    def _spend(self, octets: int) -> None:
        self._left -= octets
        if self._left < 0:
            raise MailboxTrouble(f"the server's answer has more than {MOST_OF_AN_ANSWER >> 20} MiB")


def _connected(place: MailboxPlace, most: _MostOfAnAnswer) -> IMAPClient:
    """Encrypted, except to this machine itself where that offers nothing of the kind."""
    context = ssl.create_default_context()
    timeout = SocketTimeout(MAILBOX_CONNECT_SECONDS, MAILBOX_READ_SECONDS)
    client = IMAPClient(place.host, place.port, ssl=place.is_tls, ssl_context=context, timeout=timeout)
    most.put_before(client)
    if place.is_tls:
        return client
    if client.has_capability("STARTTLS"):
        client.starttls(context)
    elif not _is_this_machine(place.host):
        client.shutdown()
        raise MailboxTrouble(f"{place.host} offers no STARTTLS: write imaps:// for TLS from the start")
    return client


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except MailboxTrouble:
        raise
    except (IMAPClientError, OSError, EOFError, ValueError) as error:
        raise MailboxTrouble(" ".join(str(error).split())[:300] or type(error).__name__) from None
