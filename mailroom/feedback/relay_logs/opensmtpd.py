"""OpenSMTPD's log. It never names a Message-ID: what ties a mail to one of ours is the queue id that its 250
told us, the first half of each `evpid`; or a return path of the mail's own.

    smtp connected address=192.0.2.1 host=...
    smtp message msgid=c405e39a size=303 nrcpt=1 proto=ESMTP          it has the whole message
    smtp envelope evpid=c405e39ad6bbc64f from=<...> to=<...>          for one recipient
    mta delivery evpid=... from=<...> to=<...> rcpt=<-> source="..." relay="..." delay=2s result="Ok" stat=...
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable

from mailroom.feedback.relay_logs.clock import LogClock
from mailroom.feedback.relay_logs.open_mails import MOST_OPEN, OpenMail, OpenMails
from mailroom.feedback.relay_logs.syslog import LOGGED_ADDRESS, entry_of
from mailroom.feedback.relay_logs.trace import Said, Trace

_SESSION = re.compile(r"([0-9a-f]{16}) (?=smtp |mta |mda )")
_CONNECTED = re.compile(r"smtp connected address=(\S+)")
_ENVELOPE = re.compile(
    rf"smtp envelope evpid=([0-9a-f]{{16}}) from=<({LOGGED_ADDRESS})> to=<({LOGGED_ADDRESS})>$"
)
_DELIVERY = re.compile(
    rf"(?:mta|mda) delivery evpid=([0-9a-f]{{16}}) from=<({LOGGED_ADDRESS})> to=<({LOGGED_ADDRESS})> "
    rf"rcpt=<(?:{LOGGED_ADDRESS})> "
    r'(?:source="[^"]*" )?(?:relay="([^"]*)" )?(?:user=\S+ )?delay=\w+ '
    r'result=(?:"(?P<mta>Ok|TempFail|PermFail|Expired)"|(?P<mda>Ok|TempFail|PermFail|Expired)) stat=(.*)$'
)
_CODE = re.compile(r"([245]\d\d)[ -]")
_STATUS = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
_SAID = {"Ok": Said.SENT, "TempFail": Said.DEFERRED, "PermFail": Said.BOUNCED, "Expired": Said.BOUNCED}
QUEUE_ID_LETTERS = 8


class OpenSmtpdLog:
    """Reads it line by line. Each recipient is an envelope, and each envelope a mail of its own here."""

    def __init__(self, clock: LogClock) -> None:
        self._mails = OpenMails(clock)
        self._clients: OrderedDict[str, str] = OrderedDict()  # by session

    def read(self, line: str) -> Iterable[Trace] | None:
        """None: it is no line of OpenSMTPD."""
        entry = entry_of(line)
        if entry is None or entry.program != "smtpd":
            return None
        found = _SESSION.match(entry.text)
        if found is None:
            return ()
        key, text = f"{entry.host} {found[1]}", entry.text[found.end() :]
        if connected := _CONNECTED.match(text):
            self._remember(key, connected[1])
        if text.startswith("smtp disconnected"):
            self._clients.pop(key, None)
        if envelope := _ENVELOPE.match(text):
            return self._arrived(entry.host, entry.at, envelope, self._clients.get(key, ""))
        return self._became(entry.host, entry.at, text)

    def rest(self) -> Iterable[Trace]:
        """What can be said at the end of the last line."""
        return self._mails.rest()

    def _remember(self, session: str, client: str) -> None:
        self._clients[session] = client.strip("[]")
        if len(self._clients) > MOST_OPEN:
            self._clients.popitem(last=False)

    def _arrived(self, host: str, at: str, envelope: re.Match[str], client: str) -> Iterable[Trace]:
        evpid, sender, recipient = envelope.groups()
        mail = OpenMail(
            evpid[:QUEUE_ID_LETTERS],
            at,
            sender=sender,
            client=client,
            recipients=(recipient,),
            is_taken=True,
        )
        return self._mails.begin(f"{host} {evpid}", mail)

    def _became(self, host: str, at: str, text: str) -> Iterable[Trace]:
        found = _DELIVERY.match(text)
        if found is None:
            return ()
        evpid, sender, recipient, reporter, mta, mda, words = found.groups()
        key, said = f"{host} {evpid}", _SAID[mta or mda]
        mail = self._mails.get(key) or OpenMail(evpid[:QUEUE_ID_LETTERS], at, sender=sender)
        words = words.strip('"')
        code, status = _CODE.match(words), _STATUS.search(words)
        trace = self._mails.became(
            mail,
            said,
            at,
            recipients=(recipient,),
            status=status[0] if status else "",
            code=int(code[1]) if code else None,
            words=words,
            reporter=reporter or "",
        )
        return (trace,) if said is Said.DEFERRED else (trace, *self._mails.end(key))
