"""Exim's main log. `<=` is written once Exim has the whole message: from there on it answers for it.

    2026-11-29 07:09:35 1xXZ2V-0007Je-0f <= news@example.org H=(name) [192.0.2.1] P=esmtp S=347 id=x@example
    2026-11-29 07:09:36 1xXZ2V-0007Je-0f => ann@example.net R=dnslookup T=remote_smtp H=... C="250 ok"
    2026-11-29 07:09:36 1xXZ2V-0007Je-0f Completed

`=>` and `->` passed on, `**` given up, `==` put off. Exim writes addresses without their quotes, so what an
odd one says cannot be told from what Exim says: a line that can be read in two ways says nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from mailroom.feedback.relay_logs.clock import LogClock
from mailroom.feedback.relay_logs.open_mails import OpenMail, OpenMails
from mailroom.feedback.relay_logs.trace import Said, Trace

_HEAD = re.compile(
    r"(?:\S.{0,200}? exim[^\s:]*: (?:\[\d+[^\]]*\] )?)?"  # by syslog
    r"(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?(?: [+-]\d{4})?) (?:\[\d+\] )?"
    r"(?:(?P<id>[0-9A-Za-z]{6}-(?:[0-9A-Za-z]{6}-[0-9A-Za-z]{2}|[0-9A-Za-z]{11}-[0-9A-Za-z]{4})) )?"
)
_SENDER = re.compile(r'<= (?:<>|("(?:[^"\\]|\\.)*+"(?:@[^\s"<>]++)?|[^\s"<>]++))(?= )')
_SUBJECT = re.compile(r' T="(?:[^"\\]|\\.)*"(?=$| for | from <)')
_SIZE = re.compile(r"S=\d+")
_CLIENT = re.compile(r" H=(?:[^\s()\[\]]+ )?(?:\(\S*\) )?\[([0-9a-fA-F.:]+)\](?::\d+)?(?= )")
_BECAME = re.compile(
    r'(=>|->|>>|\*>|\*\*|==) ([^\s<>"]+)(?: <([^\s<>"]+)>)?(?: (?:F|P|SRS)=<\S*>)*(?=: | R=| T=)(.*)'
)
_ROUTER = re.compile(r" R=")
_REPORTER = re.compile(r" H=(\S+) \[")
_CODE = re.compile(r": (?:SMTP error from remote mail server after .{1,400}?: )?([45]\d\d)[ -]")
_STATUS = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
_SAID = {
    "=>": Said.SENT,
    "->": Said.SENT,
    ">>": Said.SENT,
    "**": Said.BOUNCED,
    "==": Said.DEFERRED,
}


class EximLog:
    """Reads it line by line."""

    def __init__(self, clock: LogClock) -> None:
        self._mails = OpenMails(clock)

    def read(self, line: str) -> Iterable[Trace] | None:
        """None: it is no line of Exim's main log."""
        head = _HEAD.match(line)
        if head is None:
            return None
        at, queue_id, text = head["at"].replace(" +", "+").replace(" -", "-"), head["id"], line[head.end() :]
        if queue_id is None:
            return ()
        if text.startswith("<= "):
            return self._arrived(queue_id, at, text)
        if text == "Completed" or text.startswith("Completed QT="):
            return self._mails.end(queue_id)
        return self._became(queue_id, at, text)

    def rest(self) -> Iterable[Trace]:
        """What can be said at the end of the last line."""
        return self._mails.rest()

    def _arrived(self, queue_id: str, at: str, text: str) -> Iterable[Trace]:
        sender = _SENDER.match(text)
        if sender is None:
            return ()
        fields = _SUBJECT.sub("", text[sender.end() :])
        clients = _CLIENT.findall(fields)
        mail = OpenMail(queue_id, at, sender=sender[1] or "", is_taken=True)
        mail.message_id = _message_id(fields)
        if len(clients) == 1:
            mail.client = clients[0]
        return self._mails.begin(queue_id, mail)

    def _became(self, queue_id: str, at: str, text: str) -> Iterable[Trace]:
        found = _BECAME.match(text)
        if found is None or found[1] not in _SAID:
            return ()
        flag, final, given, rest = found.groups()
        fields = rest.partition(": ")[0].partition(' C="')[0]
        if len(_ROUTER.findall(fields)) > 1:
            return ()
        mail = self._mails.get(queue_id) or OpenMail(queue_id, at)
        code, status, reporter = _CODE.search(rest), _STATUS.search(rest), _REPORTER.search(fields)
        trace = self._mails.became(
            mail,
            _SAID[flag],
            at,
            recipients=(final, given) if given else (final,),
            status=status[0] if status else "",
            code=int(code[1]) if code else None,
            words=rest.removeprefix(":").strip(),
            reporter=reporter[1] if reporter else "",
        )
        return (trace,)


def _message_id(fields: str) -> str:
    """Of a field `id=`, if there is just one, and nothing but other fields stand between the size and it."""
    before, is_there, after = fields.partition(" id=")
    if not is_there or " id=" in after:
        return ""
    for field in reversed(before.split(" ")):
        if _SIZE.fullmatch(field):
            return f"<{after.partition(' ')[0]}>" if after[:1].strip() else ""
        if not field[:1].isupper():
            return ""
    return ""
