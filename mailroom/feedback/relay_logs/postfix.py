"""Postfix's log. Only what its own programs say in their own fields counts, each of them read to its end.

smtpd, pickup   who handed it in; a queue id, which may have been another mail's before
cleanup         its Message-ID, while it is still coming in: that proves nothing
qmgr            it is in the queue: from here on Postfix answers for it
smtp, local...  what became of it, recipient by recipient, with the words of the next server
qmgr            its time is over; it is removed
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from mailroom.feedback.relay_logs.clock import LogClock
from mailroom.feedback.relay_logs.open_mails import OpenMail, OpenMails
from mailroom.feedback.relay_logs.syslog import LOGGED_ADDRESS, Entry, entry_of
from mailroom.feedback.relay_logs.trace import Said, Trace

_QUEUE_ID = re.compile(r"([0-9A-F]{5,20}|[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,30}): ")
_MESSAGE_ID = re.compile(r"message-id=(<[^<>\s]{1,990}>)$")
_CLIENT = re.compile(r"client=[^\s\[\],]*\[([^\s\[\],]+)\]")
_ACTIVE = re.compile(rf"from=<({LOGGED_ADDRESS})>, size=\d+, nrcpt=\d+ \(queue active\)$")
_EXPIRED = re.compile(rf"from=<(?:{LOGGED_ADDRESS})>, status=(?:force-)?expired, returned to sender$")
_STATUS = re.compile(
    rf"to=<({LOGGED_ADDRESS})>, (?:orig_to=<({LOGGED_ADDRESS})>, )?"
    r"relay=([^,<>]*)(?:, (?!status=|dsn=)[a-z_]+=[^,<>()]*)*, "
    r"dsn=(\d\.\d{1,3}\.\d{1,3}), (?:[a-z_]+=[^,<>()]*, )*?status=(sent|deferred|bounced) \((.*)\)$"
)
_CODE = re.compile(r"\bsaid: (\d{3})[ -]")
_MANAGERS = ("qmgr", "nqmgr", "oqmgr")
_RECEIVERS = ("smtpd", "pickup", "qmqpd", "cleanup")
_AGENTS = ("smtp", "lmtp", "local", "virtual", "pipe", "error", "retry", "discard")


class PostfixLog:
    """Reads it line by line. Several instances, and several machines, may write into one."""

    def __init__(self, clock: LogClock) -> None:
        self._mails = OpenMails(clock)

    def read(self, line: str) -> Iterable[Trace] | None:
        """None: it is no line of Postfix."""
        entry = entry_of(line)
        if entry is None or "/" not in entry.program:
            return None
        found = _QUEUE_ID.match(entry.text)
        if found is None:
            return ()
        instance, _, rest = entry.program.partition("/")
        daemon, queue_id = rest.rpartition("/")[2], found[1]
        key, text = f"{entry.host} {instance} {queue_id}", entry.text[found.end() :]
        if daemon in _RECEIVERS:
            return self._received(key, queue_id, entry.at, daemon, text)
        if daemon in _MANAGERS:
            return self._managed(key, entry.at, text)
        return self._became(key, queue_id, entry, text) if daemon in _AGENTS else ()

    def rest(self) -> Iterable[Trace]:
        """What can be said at the end of the last line."""
        return self._mails.rest()

    def _received(self, key: str, queue_id: str, at: str, daemon: str, text: str) -> Iterable[Trace]:
        if daemon != "cleanup":
            if text.startswith(("client=", "uid=")):
                client = _CLIENT.match(text)
                return self._mails.begin(key, OpenMail(queue_id, at, client=client[1] if client else ""))
            return ()
        if not text.startswith("message-id="):
            return ()
        found, mail, traces = _MESSAGE_ID.match(text), self._mails.get(key), list[Trace]()
        if mail is None or mail.is_taken:  # a queue id that was used before
            mail = OpenMail(queue_id, at)
            traces = self._mails.begin(key, mail)
        mail.message_id = found[1] if found and not mail.is_named else ""  # of two it has none
        mail.is_named = True
        return traces

    def _managed(self, key: str, at: str, text: str) -> Iterable[Trace]:
        if text == "removed":
            return self._mails.end(key)
        mail = self._mails.get(key)
        if mail is None:
            return ()
        if active := _ACTIVE.match(text):
            mail.sender, mail.is_taken = active[1], True
        return self._mails.gave_up(mail, at) if _EXPIRED.match(text) else ()

    def _became(self, key: str, queue_id: str, entry: Entry, text: str) -> Iterable[Trace]:
        found = _STATUS.match(text)
        if found is None:
            return ()
        final, given, reporter, status, said, words = found.groups()
        mail = self._mails.get(key) or OpenMail(queue_id, entry.at)  # its beginning is in an older file
        code = _CODE.search(words)
        trace = self._mails.became(
            mail,
            Said(said),
            entry.at,
            recipients=(final, given) if given else (final,),
            status=status,
            code=int(code[1]) if code else None,
            words=words,
            reporter=reporter,
        )
        return (trace,)
