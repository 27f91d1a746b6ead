"""A corpus of what servers write, each beside what it means. Its messages are ours, of that shape."""

from __future__ import annotations

import csv
import re
import time
from base64 import b64encode
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailroom.feedback.reading import MailEnvelope, MailReading, read_mail
from mailroom.feedback.report import MOST_RAW_OCTETS, ReportKind
from mailroom.smtp.address_fault import AddressFault, address_fault
from mailroom.smtp.reply import UNSAFE_IN_REPLY

CORPUS = Path(__file__).parent / "corpus"
MESSAGES = sorted(path.name for path in CORPUS.glob("*.eml"))
TOKENS = re.compile(r"bounces\+(b[0-9a-f]{28})@", re.IGNORECASE)
BOUNCE = CORPUS / "postfix-unknown-user.eml"

Said = tuple[str, str, str]
"""Kind, address, enhanced code."""


@cache
def expected() -> dict[str, list[Said]]:
    found = defaultdict(list)
    with (CORPUS / "expected.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            found[row["file"]].append((row["kind"], row["address"], row["status"]))
    return found


@cache
def reading(name: str) -> MailReading:
    return read_mail((CORPUS / name).read_bytes(), "pipe")


def said(found: MailReading) -> list[Said]:
    if found.unsubscriptions:
        return [("unsubscribe", "", "")]
    reports = [(report.kind.value, report.address, report.status) for report in found.reports]
    return reports or [("none", "", "")]


def test_the_corpus_is_large_and_each_message_has_its_meaning() -> None:
    assert len(MESSAGES) >= 60
    assert set(MESSAGES) == set(expected())
    assert {kind for rows in expected().values() for kind, *_ in rows} == {
        *("bounced", "delayed", "relayed", "delivered", "complained", "unsubscribe", "none")
    }


def test_kind_and_address_are_right_for_95_of_100() -> None:
    wrong = [name for name in MESSAGES if said(reading(name)) != expected()[name]]
    assert len(wrong) <= len(MESSAGES) * 0.05, wrong


@pytest.mark.parametrize("name", [name for name in MESSAGES if expected()[name][0][0] == "none"])
def test_what_is_no_report_is_taken_for_none_and_says_why(name: str) -> None:
    """Of these not one may be wrong: people answer, and are away."""
    assert (reading(name).reports, reading(name).unsubscriptions) == ((), ())
    assert reading(name).why


def test_no_address_is_called_gone_that_is_not() -> None:
    """Who is, is mailed no more: to miss some of those only costs a second bounce."""
    found, gone = set(), set()
    with (CORPUS / "expected.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            gone |= {(row["file"], row["address"])} if row["hard"] == "yes" else set()
    for name in MESSAGES:
        for one in reading(name).reports:
            fault = address_fault(
                one.code, one.words, [one.address], one.status, is_transient=one.is_transient
            )
            if one.kind is ReportKind.BOUNCED and fault is AddressFault.GONE:
                found.add((name, one.address))
    assert found <= gone, found - gone
    assert len(found) >= 0.9 * len(gone), gone - found


def test_its_token_is_found_wherever_it_stands() -> None:
    for name in MESSAGES:
        there = TOKENS.search((CORPUS / name).read_text("latin-1"))
        for report in reading(name).reports:
            assert report.token == (there[1].lower() if there else report.token), name
    (redacted,) = reading("arf-redacted.eml").reports
    assert redacted.token.startswith("u"), "of List-Unsubscribe, where all else was taken out"
    (wish,) = reading("unsubscribe.eml").unsubscriptions
    assert wish.token.startswith("u") and wish.link.startswith("Ab_9-")


def test_the_message_id_is_that_of_the_mail_which_came_back() -> None:
    for name in ("postfix-expired.eml", "mailenable-unknown.eml", "hotmail-junk-report.eml", "arf-abuse.eml"):
        assert reading(name).reports[0].message_id == "<3f0c2d9a.8010@news.example>", name


def test_who_said_it_when_and_in_which_words() -> None:
    (report,) = reading("sendmail-unknown-user.eml").reports
    assert (report.reporter, report.code, report.is_transient) == ("mx.mail.example", 550, False)
    assert report.words == "550 5.1.1 <ann@mail.example>... User unknown"
    assert report.at is not None and report.at.isoformat() == "2026-11-03T10:00:02+00:00"
    (full,) = reading("spanish-full.eml").reports
    assert full.is_transient and "lleno" in full.words
    assert not any(report.is_proven for name in MESSAGES for report in reading(name).reports)


def test_the_envelope_s_recipient_counts_before_all_others() -> None:
    token = "b" + "1" * 20 + "02" + "7"
    envelope = MailEnvelope("", [f"bounces+{token}@news.example"])
    (report,) = read_mail(BOUNCE.read_bytes(), "smtp", envelope).reports
    assert report.token == token


def test_one_mail_is_one_report_by_whichever_ways_it_comes() -> None:
    octets = BOUNCE.read_bytes()
    passed_on = b"Received: from a by b; Tue, 3 Nov 2026 10:00:09 +0000\nDelivered-To: x@y.example\n" + octets
    ways = [
        read_mail(octets, "pipe"),
        read_mail(passed_on.replace(b"\n", b"\r\n"), "imap", MailEnvelope("", ["bounces@news.example"])),
    ]
    assert len({found.reports[0].key for found in ways}) == 1
    nameless = octets.replace(b"Message-ID: <20261103", b"X-Was: <20261103")
    (without_id,) = read_mail(nameless, "pipe").reports
    assert without_id.key == read_mail(b"Received: x\n" + nameless, "imap").reports[0].key
    assert without_id.key != ways[0].reports[0].key
    keys = [report.key for name in MESSAGES for report in reading(name).reports]
    assert len(set(keys)) >= len(keys) * 0.5 and all(len(key) <= 64 for key in keys)
    two = reading("postfix-two-recipients.eml").reports
    assert two[0].key != two[1].key


def test_a_second_bounce_of_one_mail_is_another_report() -> None:
    first = BOUNCE.read_bytes()
    second = first.replace(b"<20261103100002.B00@", b"<20261103140002.B00@")
    assert read_mail(first, "pipe").reports[0].key != read_mail(second, "pipe").reports[0].key


PIECES = [(CORPUS / name).read_bytes() for name in MESSAGES[::4]]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(PIECES),
    st.lists(st.tuples(st.integers(0, 4000), st.binary(max_size=12), st.integers(0, 40)), max_size=6),
)
def test_whatever_a_stranger_makes_of_it_is_read_without_a_word(
    octets: bytes, changes: list[tuple[int, bytes, int]]
) -> None:
    for at, put, without in changes:
        octets = octets[:at] + put + octets[at + without :]
    for report in read_mail(octets, "smtp").reports:
        assert report.kind in ReportKind
        for text in (report.address, report.words, report.message_id, report.reporter, report.status):
            assert len(text) <= 700
            assert not UNSAFE_IN_REPLY.search(text) and "\n" not in text
            text.encode()  # a database could not keep it else


def bomb_of_parts() -> bytes:
    return (
        b"Content-Type: multipart/report; boundary=b\n\n" + b"--b\nContent-Type: text/plain\n\nx\n" * 50_000
    )


def bomb_of_depth() -> bytes:
    return b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(5_000))


STATUS = b"From: mailer-daemon@x\nContent-Type: message/delivery-status\n\n"
DAEMON = b"From: mailer-daemon@x\nSubject: failure notice\n\n"
HOSTILE = {
    "parts": bomb_of_parts(),
    "depth": bomb_of_depth(),
    "fields": b"To: a@b.example\n" * 200_000,
    "one field": b"To: " + b"a@b.example, " * 200_000 + b"\n\n",
    "folded": b"Subject: a\n" + b" b\n" * 300_000 + b"\n",
    "recipients": STATUS + b"Action: failed\nFinal-Recipient: rfc822;a@b.example\nStatus: 5.1.1\n\n" * 20_000,
    "one line": DAEMON + b"a" * 2_000_000,
    "spaces": DAEMON + b"Hi. This is the qmail-send\n\n" + (b" " * 5_000 + b"\n") * 300,
    "signs": DAEMON + b"Your message to:\n" + (b"a@" * 2_000 + b"\n") * 300,
    "encoded text": b"From: mailer-daemon@x\nContent-Type: multipart/report; boundary=b\n\n--b\n"
    + b"Content-Type: text/plain; charset=iso-2022-jp\nContent-Transfer-Encoding: base64\n\n"
    + b64encode(b"a@b.example failed\n" * 35_000) + b"\n--b\nContent-Type: message/delivery-status\n\n"
    + b"Action: failed\nFinal-Recipient: rfc822;a@b.example\nStatus: 5.0.0\n\n" * 100,
    "dashes": DAEMON + b"---- original\n" * 100_000,
    "tags": b"From: mailer-daemon@x\nContent-Type: text/html\n\n" + b"<style " * 200_000,
    "a number": b"From: mailer-daemon@x\nContent-Type: text/html\n\n&#" + b"9" * 500_000 + b";",
    "zeros": b"From: mailer-daemon@x\nContent-Type: text/html\n\n&#" + b"0" * 500_000 + b";",
    "commas": DAEMON + b",a@b" * 300_000,
    "words": DAEMON + b"mailbox " * 200_000,
    "encoded": b"Subject: " + b"=?utf-8?b?YWFh?= " * 60_000 + b"\nFrom: mailer-daemon@x\n\nx",
    "boundary": b"Content-Type: multipart/mixed; boundary=\"" + b"(" * 60_000 + b"\"\n\n",
    "tokens": DAEMON + b"+b" * 500_000 + b"@x",
    "ids": DAEMON + b"Message-ID: <" * 100_000,
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_no_mail_takes_long(what: str) -> None:
    began = time.process_time()
    found = read_mail(HOSTILE[what], "smtp")
    assert time.process_time() - began < 1.5
    assert len(found.reports) <= 100
    assert all(len(report.raw) <= MOST_RAW_OCTETS for report in found.reports)


@pytest.mark.parametrize("sign", ["-", "=", "*", "_", "*-"])
def test_a_line_of_signs_takes_no_longer_than_any_other(sign: str) -> None:
    """Whoever can mail the bounce address would hold up all that its process does."""
    began = time.process_time()
    read_mail(DAEMON + sign.encode() * 100_000, "smtp")
    assert time.process_time() - began < 0.2
