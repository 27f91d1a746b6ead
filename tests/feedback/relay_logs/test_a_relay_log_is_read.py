"""What a relay's record says: of real Postfix and Exim, and of the forms that theirs may have elsewhere.

samples/: by a Postfix 3.7 and an Exim 4.96 that were handed odd mails, before servers that answer oddly.
"""

from __future__ import annotations

import gzip
import io
import time
import tracemalloc
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, cast

import pytest

from mailroom.feedback.relay_logs import open_mails
from mailroom.feedback.relay_logs.clock import LogClock
from mailroom.feedback.relay_logs.lines import LONGEST_LINE, Unreadable, lines_of
from mailroom.feedback.relay_logs.relay_log import RELAY_LOGS, RelayLog
from mailroom.feedback.relay_logs.trace import Said, Trace

SAMPLES = Path(__file__).parent / "samples"
UID = "0f2d3c4b-5a69-4788-96a5-b4c3d2e1f001"
CLOCK = LogClock(datetime(2026, 11, 29, 8, tzinfo=UTC), UTC)


def traces(kind: str, *files: bytes | str, clock: LogClock = CLOCK) -> list[Trace]:
    octets = (file.encode() if isinstance(file, str) else file for file in files)
    return list(RelayLog(kind, clock).traces(io.BytesIO(one) for one in octets))


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def of(found: Iterable[Trace], number: int) -> list[tuple[Said, tuple[str, ...]]]:
    return [
        (one.said, one.recipients) for one in found if one.message_id == f"<{UID}.{number}@sender.example>"
    ]


SENT_TO_ANN = [(Said.SENT, ("ann@good.example",))]
DEFERRED_ANN = [(Said.DEFERRED, ("ann@good.example",))]


def test_postfix_says_what_became_of_each_mail() -> None:
    found = traces("postfix", sample("postfix.txt"))
    assert of(found, 1) == DEFERRED_ANN + SENT_TO_ANN
    assert of(found, 2) == [(Said.BOUNCED, ("bob@bad.example",))]
    assert of(found, 3) == [(Said.DEFERRED, ("late@late.example",))] * 2
    assert of(found, 5)[-1] == (Said.SENT, ("final@example.net", "alias@example.net"))
    assert {said for said, _ in of(found, 12)} == {Said.SENT, Said.BOUNCED, Said.DEFERRED}
    bounced = next(one for one in found if one.said is Said.BOUNCED)
    assert (bounced.code, bounced.status, bounced.reporter) == (550, "5.1.1", "127.0.0.1[127.0.0.1]:2602")
    assert bounced.queue_id == "2D4DA210067" and bounced.client == "127.0.0.1"
    assert bounced.sender == "news@sender.example"
    assert bounced.at == datetime(2026, 11, 29, 7, 9, 6, tzinfo=UTC)


def test_a_message_id_that_came_in_proves_nothing_while_the_mail_had_not() -> None:
    """Postfix logs it with the header; this connection broke in the middle of the text."""
    text = sample("postfix.txt")
    assert f"message-id=<{UID}.50@sender.example>".encode() in text
    found = traces("postfix", text)
    assert of(found, 50) == []
    assert of(found, 51)[-1] == (Said.SENT, ("dot@good.example",)), "this one had come whole"
    assert of(found, 7) == of(found, 14) == [], "refused while it came"


def test_only_a_program_s_own_fields_count() -> None:
    """Subjects, senders, recipients and servers that say what Postfix and Exim would."""
    for kind, name in (("postfix", "postfix.txt"), ("exim", "exim.txt")):
        found = traces(kind, sample(name))
        assert [of(found, number) for number in (96, 97, 98, 99)] == [[], [], [], []]
        assert not [one for one in found if "forged" in one.message_id]
        assert of(found, 15)[-1:] == of(found, 11)[-1:] == SENT_TO_ANN
        assert of(found, 2) == [(Said.BOUNCED, ("bob@bad.example",))], "whose server says status=sent"
        assert not [one for one in found if {"x", "a"} & set(one.recipients)]


def test_exim_says_what_became_of_each_mail() -> None:
    found = traces("exim", sample("exim.txt"))
    assert of(found, 1) == SENT_TO_ANN
    assert of(found, 4) == [(Said.BOUNCED, ("gone@gone.example",))]
    assert of(found, 3) == [(Said.DEFERRED, ("late@late.example",))]
    assert of(found, 5) == [(Said.SENT, ("final@example.net", "alias@example.net"))]
    assert of(found, 7) == of(found, 51) == [], "one refused, one lost after its dot, and thrown away"
    bounced = next(one for one in found if one.said is Said.BOUNCED)
    assert (bounced.code, bounced.status, bounced.client) == (550, "5.1.1", "127.0.0.1")


@pytest.mark.parametrize("queue_id", ["1rAbCd-0003Xy-1Z", "1rAbCd-0000000A3Xy-1ZaB"])
@pytest.mark.parametrize(
    "head",
    [
        "2026-11-29 07:00:00",
        "2026-11-29 07:00:00.123 +0000 [12]",
        "Nov 29 07:00:00 mx exim[9]: 2026-11-29 07:00:00",
    ],
)
def test_exim_writes_ids_and_times_in_several_ways(queue_id: str, head: str) -> None:
    lines = (
        f"{head} {queue_id} <= <> R=1rAbCd-0003Xy-1Z U=Debian-exim P=local S=99",
        f"{head} {queue_id} <= news@sender.example H=localhost (mailroom) [::1]:4711 P=esmtps X=TLS1.3 CV=no "
        f"A=plain_server:mailroom S=512 id={UID}.1@sender.example",
        f'{head} {queue_id} -> ann@good.example R=dnslookup T=remote_smtp H=mx [198.51.100.1] C="250 ok"',
        f"{head} {queue_id} Completed",
    )
    [only] = traces("exim", "\n".join(lines))
    assert (only.said, only.client, only.queue_id) == (Said.SENT, "::1", queue_id)
    assert only.message_id == f"<{UID}.1@sender.example>" and only.at is not None


@pytest.mark.parametrize(
    ("host", "client"),
    [
        ("H=mx.example (helo) [192.0.2.1]:4711", "192.0.2.1"),
        ("H=[2001:db8::1]", "2001:db8::1"),
        ("H=([192.0.2.7]) [203.0.113.9]", "203.0.113.9"),
        ("H=mx.example ([192.0.2.7]) [203.0.113.9]:25", "203.0.113.9"),
        ("H=([192.0.2.7] [203.0.113.9]", ""),
        ("U=mailroom P=local", ""),
    ],
)
def test_a_greeting_is_no_client_s_address(host: str, client: str) -> None:
    [only] = traces("exim", f"2026-11-29 07:00:00 1rAbCd-0003Xy-1Z <= a@b.example {host} S=1 id=x@y\n")
    assert (only.client, only.message_id) == (client, "<x@y>")


SYSLOG = "Nov 29 07:00:00 mx "
MAINLOG = "2026-11-29 07:00:00 1rAbCd-0003Xy-1Z "
ENDLESS = {
    "fields": ("exim", f"{MAINLOG}<= a@b.example H=x [192.0.2.1] S=1 ", "AAAAAAAAAA "),
    "sizes": ("exim", f"{MAINLOG}<= a@b.example H=x [192.0.2.1] ", "S=1 "),
    "subjects": ("exim", f"{MAINLOG}<= a@b.example H=x [192.0.2.1] S=1 ", ' T="AAAA BBBB '),
    "hosts": ("exim", f"{MAINLOG}<= a@b.example S=1", " H=x"),
    "greetings": ("exim", f"{MAINLOG}<= a@b.example S=1", " H=(x)"),
    "senders": ("exim", f"{MAINLOG}<= ", '"\\"'),
    "a sender of at signs": ("exim", f"{MAINLOG}<= ", "a@"),
    "a sender of at signs that breaks off": ("exim", f"{MAINLOG}<= {'a@' * 16_000}", '"'),
    "recipients": ("exim", f"{MAINLOG}=> a@b.example", " F=<x>"),
    "answers": ("exim", f"{MAINLOG}** a@b.example R=x T=y", ": SMTP error from remote mail server after "),
    "syslog": ("exim", "N", " exim: x"),
    "quotes": ("postfix", f'{SYSLOG}postfix/smtp[1]: 4Xyz3Q5tqLz9rxV: to=<"', '\\"'),
    "names": ("postfix", f"{SYSLOG}postfix/smtp[1]: 4Xyz3Q5tqLz9rxV: to=<a@b>, relay=x", ", a=b"),
    "data": ("postfix", "<22>1 2026-11-29T07:00:00Z mx postfix/smtp 12 MAIL ", '[a="b"'),
    "words": ("opensmtpd", f"{SYSLOG}smtpd[1]: 5df87c903d709659 mta delivery evpid=", 'relay="x" '),
    "cells": ("csv", "message-id,time,status\n", '"",'),
}


@pytest.mark.parametrize(("kind", "begin", "again"), ENDLESS.values(), ids=ENDLESS)
def test_a_line_takes_no_longer_than_it_is_long(kind: str, begin: str, again: str) -> None:
    began = time.process_time()
    found = traces(kind, f"{begin}{again * ((LONGEST_LINE - len(begin)) // len(again))}\n")
    assert {one.message_id for one in found} <= {""}
    assert time.process_time() - began < 1


def test_what_exim_writes_in_two_ways_says_nothing() -> None:
    queue_id = "2026-11-29 07:00:00 1rAbCd-0003Xy-1Z"
    odd = (
        f'{queue_id} <= a@b H=x [192.0.2.1] P=esmtps DN="CN=x" S=1 id={UID}.9@sender.example" S=2 id=own@b',
        f"{queue_id} => a <ann@good.example> R=x@relay.example R=local T=file",
    )
    assert [(one.message_id, one.recipients) for one in traces("exim", "\n".join(odd))] == [("", ())]


LONG = "4Xyz3Q5tqLz9rxV"
HEADS = {
    "as it always was": "Nov 29 07:00:00 mx {}[12]: ",
    "with a priority": "<22>Nov  9 07:00:00 mx {}[12]: ",
    "with microseconds": "2026-11-29T07:00:00.123456+00:00 mx {}[12]: ",
    "of a journal": "2026-11-29T07:00:00+0000 mx {}[12]: ",
    "RFC 5424": "<22>1 2026-11-29T07:00:00.123456Z mx {} 12 - - ",
    "RFC 5424, with data": '<22>1 2026-11-29T07:00:00Z mx {} 12 MAIL [x@1 a="] : b"][y c="d"] ',
}


def postfix(
    queue_id: str, number: int = 1, head: str = HEADS["as it always was"], name: str = "postfix"
) -> list[str]:
    def line(daemon: str, text: str) -> str:
        return f"{head.format(f'{name}/{daemon}')}{queue_id}: {text}"

    return [
        line("submission/smtpd", "client=mailroom[192.0.2.7], sasl_method=PLAIN, sasl_username=mailroom"),
        line("cleanup", f"message-id=<{UID}.{number}@sender.example>"),
        line("qmgr", "from=<news@sender.example>, size=366, nrcpt=1 (queue active)"),
        line(
            "relay/smtp",
            "to=<ann@good.example>, relay=mx[198.51.100.1]:25, conn_use=2, delay=0.1, delays=0/0.1/0/1e+05, "
            "dsn=2.0.0, tls=verified, status=sent (250 2.0.0 Ok: queued as X)",
        ),
        line("qmgr", "removed"),
    ]


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_syslog_s_heads_differ(head: str) -> None:
    [only] = traces("postfix", "\n".join(postfix(LONG, head=head)))
    assert (only.said, only.client, only.queue_id) == (Said.SENT, "192.0.2.7", LONG)
    assert only.at is not None and only.at.month == 11 and (only.at.hour, only.at.minute) == (7, 0)


def test_a_short_queue_id_is_used_again() -> None:
    both = [*postfix("2BCA52102D8", 1)[:3], *postfix("2BCA52102D8", 2)]
    assert of(traces("postfix", "\n".join(both)), 1) == [(Said.ACCEPTED, ())], "it was in the queue"
    assert of(traces("postfix", "\n".join(both)), 2) == SENT_TO_ANN
    early = [*postfix("2BCA52102D8", 1)[:2], *postfix("2BCA52102D8", 2)]
    assert of(traces("postfix", "\n".join(early)), 1) == [], "it was not yet"


def test_a_mail_with_two_message_ids_has_none() -> None:
    lines = postfix(LONG, 1)
    for second in (f"<{UID}.2@sender.example>", "<odd one>"):
        both = [*lines[:2], lines[1].replace(f"<{UID}.1@sender.example>", second), *lines[2:]]
        assert [one.message_id for one in traces("postfix", "\n".join(both))] == [""]


def test_two_instances_may_have_one_queue_id_at_once() -> None:
    pairs = zip(postfix("2BCA52102D8", 1), postfix("2BCA52102D8", 2, name="postfix-out"), strict=True)
    found = traces("postfix", "\n".join(line for pair in pairs for line in pair))
    assert of(found, 1) == of(found, 2) == SENT_TO_ANN


def test_what_one_file_begins_the_next_may_end() -> None:
    lines = postfix(LONG)
    before, after = "\n".join(lines[:3]).encode(), "\n".join(lines[3:]).encode()
    assert of(traces("postfix", gzip.compress(before), after), 1) == SENT_TO_ANN
    [alone] = traces("postfix", after)
    assert (alone.message_id, alone.queue_id, alone.recipients) == ("", LONG, ("ann@good.example",))


def test_a_mail_whose_time_is_over_comes_back_from_where_it_waited() -> None:
    deferred = postfix(LONG)[3].replace("status=sent (250 2.0.0 Ok", "status=deferred (451 4.2.0 later")
    over = postfix(LONG)[2].replace("size=366, nrcpt=1 (queue active)", "status=expired, returned to sender")
    found = traces("postfix", "\n".join([*postfix(LONG)[:3], deferred, over]))
    assert of(found, 1) == [*DEFERRED_ANN, (Said.BOUNCED, ("ann@good.example",))]


def test_opensmtpd_knows_a_mail_by_its_queue_id_and_its_return_path() -> None:
    found = traces("opensmtpd", sample("opensmtpd.txt"))
    assert [(one.said, one.recipients, one.queue_id) for one in found] == [
        (Said.SENT, ("ann@good.example",), "c405e39a"),
        (Said.BOUNCED, ("bob@bad.example",), "3d4c4a42"),
        (Said.DEFERRED, ("late@late.example",), "3d4c4a42"),
        (Said.SENT, ("me@relay.example",), "99990000"),
        (Said.ACCEPTED, ("waits@good.example",), "7a7a7a7a"),
    ]
    assert (found[0].sender, found[0].client) == ("bounces+b0123@sender.example", "192.0.2.7")
    assert (found[1].code, found[1].status) == (550, "5.1.1")


def test_a_table_names_its_columns_in_any_order() -> None:
    table = (
        "\ufeffRecipient;Status;Time;message_id;Reply\r\n"
        f'ann@good.example;Delivered;2026-11-29 07:00:00;"<{UID}.1@sender.example>";250 2.0.0 ok\r\n'
        f"bob@bad.example;bounced;1795935600;{UID}.2@sender.example;550 5.1.1 nobody\r\n"
        f"x;rejected;2026-11-29T07:00:00Z;{UID}.3@sender.example;\r\n"
        f'torn;"sent;2026;{UID}.4@sender.example\r\n'
    )
    record = RelayLog("csv", CLOCK)
    first, second = record.traces([io.BytesIO(table.encode())])
    assert (first.said, first.message_id) == (Said.SENT, f"<{UID}.1@sender.example>")
    assert (second.said, second.code, second.status) == (Said.BOUNCED, 550, "5.1.1")
    assert first.at == second.at == datetime(2026, 11, 29, 7, tzinfo=UTC)
    assert (record.covered.lines, record.covered.understood) == (5, 3)


@pytest.mark.parametrize("table", ["a,b\n1,2\n", "message-id,time\n", "\x00\n"])
def test_a_table_without_its_columns_is_told_of(table: str) -> None:
    with pytest.raises(Unreadable, match="names no column"):
        traces("csv", table)


def test_a_time_without_a_year_is_the_last_one_that_fits() -> None:
    new_year = LogClock(datetime(2028, 1, 2, tzinfo=UTC), timezone(timedelta(hours=1)))
    assert new_year.moment("Dec 31 23:30:00") == datetime(2027, 12, 31, 22, 30, tzinfo=UTC)
    assert new_year.moment("Jan  2 10:00:00") == datetime(2028, 1, 2, 9, tzinfo=UTC)
    assert new_year.moment("Feb 29 10:00:00") == datetime(2024, 2, 29, 9, tzinfo=UTC)
    assert new_year.moment("Feb 30 10:00:00") is None and new_year.moment("9" * 30) is None
    for odd in ("", "Nov", "Nove 29 10:00:00", "Nov 29 10", "Nov 29 1:2:3:4", "9" * 400, "today", "\u0663"):
        assert new_year.moment(odd) is None or odd == "\u0663"


@pytest.mark.parametrize("kind", RELAY_LOGS)
def test_octets_of_any_kind_are_read_past(kind: str) -> None:
    names = b"message-id,time,status\n" if kind == "csv" else b""
    noise = bytes(range(256)) * 40 + b"\n" + b"x" * (3 * LONGEST_LINE) + b"\n\n\n" + b"\x00" * 99
    lines = "\n".join(postfix(LONG)).encode()
    found = traces(kind, names + noise + b"\n" + lines + b"\n" + noise)
    assert of(found, 1) == (SENT_TO_ANN if kind == "postfix" else [])


def test_a_damaged_packed_file_is_told_of() -> None:
    packed = gzip.compress(sample("postfix.txt"))
    with pytest.raises(Unreadable, match="damaged gzip"):
        traces("postfix", packed[: len(packed) // 2])
    assert list(lines_of(io.BytesIO(gzip.compress(b"a\n") + gzip.compress(b"b")))) == ["a", "b"]


class Endless(io.RawIOBase):
    """So many mails that never end."""

    def __init__(self, mails: int) -> None:
        self._lines = ("\n".join([*postfix(f"{n:011X}", n)[:3], ""]).encode() for n in range(mails))

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        lines = next(self._lines, b"")
        into[: len(lines)] = lines
        return len(lines)


def test_memory_is_bounded_and_what_leaves_it_is_still_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_mails, "MOST_OPEN", 500)
    tracemalloc.start()
    try:
        record, held, accepted = RelayLog("postfix", CLOCK), [], 0
        for trace in record.traces([io.BufferedReader(cast(io.RawIOBase, Endless(4_000)))]):
            accepted += trace.said is Said.ACCEPTED
            if accepted in (100, 3_000):
                held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert accepted == 4_000 and held[1] < 1.2 * held[0] < 3 << 20
