"""Mailbox watch: a thread of a worker that takes what comes into the bounce mailbox.

On each machine one worker does it, by a lock on a file that ends with its process; several are harmless. A
server that hangs keeps nobody waiting but this thread.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import structlog
from imapclient import IMAPClient

from mailroom import files, supervision
from mailroom.database.engine import Database
from mailroom.database.faults import LEDGER_AWAY
from mailroom.engine.returned_mail import ReturnedMail
from mailroom.feedback.received import MOST_READ_OCTETS
from mailroom.imap.mailbox import Aside, Mailbox, MailboxTrouble
from mailroom.imap.place import MailboxPlace
from mailroom.settings import Settings

log = structlog.get_logger()

WATCH = "the bounce mailbox"
WATCH_LOCK = "bounce-mailbox.lock"
OTHER_WATCHES_FOR = 5.0
"""Seconds until it is looked whether the other worker still does it."""

FIRST_MAILBOX_PAUSE, LONGEST_MAILBOX_PAUSE = 2.0, 120.0
"""Seconds from one trouble to the next try: twice as many each time."""

PUT_ASIDE_AT_ONCE = 20
"""Messages: so many at most are read once more after a sudden end."""

MOST_LEFT_ALONE = 100_000
TOKEN_SECONDS = 30.0


class MailboxWatch:
    """Started and stopped once each."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._settings = settings
        self._returned = ReturnedMail(database, settings)
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._pause = FIRST_MAILBOX_PAUSE
        self._left_alone: set[tuple[int, int]] = set()
        """UIDVALIDITY and UID of what is no report, which stays unseen: it is looked at once."""

    def start(self) -> None:
        if self._settings.bounce_mailbox:
            self._thread = supervision.beside(WATCH, self._run)

    def stop(self) -> None:
        """Soon. A thread that waits for a server ends with the process; nothing is lost by that."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout=2)

    def _run(self) -> None:
        while not self._stopped.is_set():
            with supervision.attempt(WATCH, MailboxTrouble, *LEDGER_AWAY):
                self._watch_if_nobody_does()
            self._stopped.wait(self._pause)
            self._pause = min(2 * self._pause, LONGEST_MAILBOX_PAUSE)

    def _watch_if_nobody_does(self) -> None:
        with self._lock() as is_ours:
            if is_ours:
                self._watch()
            else:
                self._pause = OTHER_WATCHES_FOR

    @contextmanager
    def _lock(self) -> Iterator[bool]:
        files.make_folder(self._settings.home)
        path = self._settings.home / WATCH_LOCK
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            yield _is_ours(lock)
        finally:
            os.close(lock)

    def _watch(self) -> None:
        with closing(open_mailbox(self._settings)) as mailbox:
            log.info("the bounce mailbox is watched", mailbox=str(MailboxPlace.of(_url(self._settings))))
            while not self._stopped.is_set():
                self._take_new(mailbox)
                self._pause = FIRST_MAILBOX_PAUSE
                mailbox.wait(self._stopped)

    def _take_new(self, mailbox: Mailbox) -> None:
        new = [uid for uid in mailbox.unseen() if (mailbox.validity, uid) not in self._left_alone]
        for begin in range(0, len(new), PUT_ASIDE_AT_ONCE):
            if self._stopped.is_set():
                return
            some = new[begin : begin + PUT_ASIDE_AT_ONCE]
            mailbox.put_aside([uid for uid in some if self._take(mailbox, uid)])

    def _take(self, mailbox: Mailbox, uid: int) -> bool:
        """Whether it is in the ledger now, and may go. Raises an error of LEDGER_AWAY."""
        octets = mailbox.octets(uid, MOST_READ_OCTETS)
        if octets is None:
            return False
        is_ours = False
        with supervision.step("a mail of the bounce mailbox", *LEDGER_AWAY):
            is_ours = self._returned.take(octets, "imap").is_ours
        if not is_ours:
            if len(self._left_alone) >= MOST_LEFT_ALONE:
                self._left_alone.clear()
            self._left_alone.add((mailbox.validity, uid))
        return is_ours


def _is_ours(lock: int) -> bool:
    """Raises OSError where files cannot be locked."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def open_mailbox(settings: Settings) -> Mailbox:
    """Raises MailboxTrouble."""
    place = MailboxPlace.of(_url(settings))
    return Mailbox(place, Aside.of(settings.bounce_taken), lambda client: _sign_in(client, place, settings))


def _url(settings: Settings) -> str:
    assert settings.bounce_mailbox is not None
    return settings.bounce_mailbox


def _sign_in(client: IMAPClient, place: MailboxPlace, settings: Settings) -> None:
    """By an OAuth2 token (XOAUTH2, else RFC 7628), or by a password."""
    if settings.bounce_token_command is None:
        client.login(place.user, settings.bounce_password or "")
        return
    token = _token(settings.bounce_token_command)
    if client.has_capability("AUTH=XOAUTH2") or not client.has_capability("AUTH=OAUTHBEARER"):
        client.oauth2_login(place.user, token)
    else:
        client.oauthbearer_login(place.user, token)


def _token(command: str) -> str:
    """What it prints. Its words on standard error are its own, and may be read in our log."""
    try:
        done = subprocess.run(
            shlex.split(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TOKEN_SECONDS,
            check=True,
        )
        token = done.stdout.decode("ascii").strip()
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise MailboxTrouble(f"MAILROOM_BOUNCE_TOKEN_COMMAND failed ({type(error).__name__})") from None
    if not token or any(letter.isspace() for letter in token):
        raise MailboxTrouble("MAILROOM_BOUNCE_TOKEN_COMMAND printed no token")
    return token
