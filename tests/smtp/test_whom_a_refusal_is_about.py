"""What common servers and providers say, and whom it is about."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from mailroom.database.telling import without_addresses
from mailroom.smtp.address_fault import address_fault
from mailroom.smtp.blame import (
    Blame,
    blamed,
    gist,
    is_about_session,
    quota_pause,
    quota_period,
    told_moment,
)
from mailroom.smtp.failure import Stage
from mailroom.smtp.reply import Reply
from mailroom.smtp.wire import LONGEST_REPLY

RECIPIENT = "ann@x.example"
SENDER = "post@mailroom.example"

OF_US = """
rcpt 550 5.7.1 relaying denied
rcpt 554 5.7.1 <ann@x.example>: Relay access denied
rcpt 550 5.7.1 Unable to relay
rcpt 550 5.7.64 TenantAttribution; Relay Access Denied
rcpt 550 relay not permitted
rcpt 553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)
rcpt 454 4.7.1 <ann@x.example>: Relay access denied
rcpt 504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname
rcpt 550 5.7.1 <box>: Helo command rejected: Host not found
rcpt 550 Access denied - Invalid HELO name (See RFC2821 4.1.1.1)
mail 501 Syntactically invalid HELO argument(s)
rcpt 554 5.7.1 <unknown[192.0.2.7]>: Client host rejected: Access denied
rcpt 554 5.7.1 Service unavailable; Client host [192.0.2.7] blocked using zen.spamhaus.org; https://x.example/q
rcpt 550 JunkMail rejected - box [192.0.2.7]:4711 is in an RBL, see http://x.example
dot 550-5.7.1 Our system has detected an unusual rate of unsolicited mail originating from your IP address.
rcpt 550 5.7.606 Access denied, banned sending IP [192.0.2.7]
rcpt 550-5.7.25 The IP address sending this message does not have a PTR record setup
rcpt 550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP
mail 525 5.7.1 Unauthorized IP address
rcpt 550-5.7.1 Invalid credentials for relay [192.0.2.7]. The IP address you've registered doesn't match
dot 550 5.7.501 Access denied, spam abuse detected
dot 550 5.1.8 Access denied, bad outbound sender
rcpt 550 5.7.750 Service unavailable. Client blocked from sending from unregistered domains
rcpt 530 5.7.57 Client not authenticated to send mail
rcpt 550 Authentication required
rcpt 550 authentication is required for relay
dot 550 Unauthenticated senders not allowed
mail 502 5.7.0 Please activate your SMTP account first
dot 554 Access denied: User is not authorized to perform ses:SendRawEmail
dot 554 Sending paused for this account. For more information, please check the inbox of the email address
dot 554 5.7.1 Your account has been blocked for spam
dot 550 Domain sandbox.mail.example is not allowed to send: Free accounts are for test purposes only
mail 554 5.7.1 Access denied
mail 550 Administrative prohibition
mail 550 Requested action not taken: mailbox unavailable
mail 555 5.5.4 Unsupported option: SIZE
"""

OF_A_QUOTA = """
dot 550 5.4.5 Daily user sending limit exceeded. For more information visit https://support.google.com/a
dot 550-5.4.5 Daily sending quota exceeded.
rcpt 550 5.7.1 Daily SMTP relay limit exceeded for customer
mail 554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process message
dot 550 5.2.2 Submission quota exceeded
dot 550 5.7.705 Access denied, tenant has exceeded threshold
dot 454 Throttling failure: Daily message quota exceeded.
rcpt 451 Authentication failed: Maximum credits exceeded
rcpt 550 Domain shop.example has exceeded the max emails per hour (150/150 (100%)) allowed. Message discarded
rcpt 554 5.7.1 <ann@x.example>: Recipient address rejected: Policy rejection; daily message quota exceeded
dot 554 5.7.0 Sending limit exceeded
mail 550 5.7.1 You have exceeded your hourly sending limit
rcpt 550 Too many emails sent in the last 24 hours
dot 450 Requested mail action not taken: mail send limit exceeded
dot 552 5.2.0 Outgoing message limit exceeded for this account
dot 550 5.1.90 Your message can't be sent because you've reached your daily limit for message recipients
dot 550 Not enough credits
"""

OF_A_SENDER = """
rcpt 553 5.7.1 <post@mailroom.example>: Sender address rejected: not owned by user shop
rcpt 550 5.1.8 <post@mailroom.example>: Sender address rejected: Domain not found
mail 550 5.1.7 <post@mailroom.example>: Sender address rejected: undeliverable address
dot 550 5.7.60 SMTP; Client does not have permissions to send as this sender
dot 554 5.2.0 SendAsDenied; shop@mailroom.example not allowed to send as post@mailroom.example
dot 554 Message rejected: Email address is not verified. The following identities failed the check in region
dot 550 The from address does not match a verified Sender Identity. Mail cannot be sent until this is resolved
rcpt 550-Verification failed for <post@mailroom.example> 550 Sender verify failed
dot 550-5.7.26 This mail has been blocked because the sender is unauthenticated. DKIM = did not pass
dot 550 5.7.23 The message was rejected because of Sender Policy Framework violation
dot 550 5.7.509 Access denied, sending domain mailroom.example does not pass DMARC verification
dot 554 Transaction failed: Sender address is not allowed.
dot 550 5.7.1 The 'From' address you supplied is not a Sender Signature on your account.
mail 501 Invalid MAIL FROM address provided
"""

OF_A_RECIPIENT = """
rcpt 550 5.1.1 <ann@x.example>: Recipient address rejected: User unknown in local recipient table
rcpt 550 5.1.1 The email account that you tried to reach does not exist
rcpt 550 5.2.1 The email account that you tried to reach is disabled
rcpt 551 5.1.6 Gone to live elsewhere
rcpt 553 5.1.2 We weren't able to find the recipient domain
rcpt 550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup
rcpt 550 5.4.1 Recipient address rejected: Access denied
rcpt 550 No such user here
rcpt 550 unknown user
rcpt 550 Requested action not taken: mailbox unavailable
rcpt 550 Mailbox not found
rcpt 550 Unrouteable address: address unknown
dot 552 5.2.2 Mailbox full
dot 552 5.2.2 The email account that you tried to reach is over quota
rcpt 552 Requested mail action aborted: exceeded storage allocation
rcpt 552 Quota exceeded
rcpt 550 The recipient's quota is exceeded: mailbox full
rcpt 550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents delivery
rcpt 550 5.7.1 RESOLVER.RST.AuthRequired; authentication required
rcpt 550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required
rcpt 550 5.7.129 RESOLVER.RST.RestrictedToRecipientsPermission; sender not allowed
rcpt 550 5.7.1 You are blocked by the recipient
rcpt 550 Recipient is on the suppression list
rcpt 550 5.1.1 <quota.exceeded@relay-denied.example>: no such user
dot 552 5.3.4 Message size exceeds fixed maximum message size
mail 552 5.3.4 Message size exceeds fixed limit
mail 552 message too large
dot 554 5.6.0 Mail message is malformed
dot 552-5.7.0 This message was blocked because its content presents a potential security issue: attachment
dot 554 5.4.6 Too many hops
"""

UNCLEAR = """
rcpt 550 5.7.1 Access denied
rcpt 550 Administrative prohibition
rcpt 554 Computer says no
dot 554 5.7.1 That is spam
dot 554 5.7.1 Message rejected due to content restrictions
data 554 5.7.1 Not for us
dot 554 Transaction failed. Reject due to policy restrictions
rcpt 550 <quota@relay.example>: rejected
rcpt 451 4.3.2 Please try again later
rcpt 451 4.7.1 Greylisted, please try again in 300 seconds
"""

SAID = [
    (blame, line.split()[0], line.split()[1][:3], line.partition(" ")[2][3:].strip(" -"))
    for blame, lines in (
        (Blame.US, OF_US),
        (Blame.QUOTA, OF_A_QUOTA),
        (Blame.SENDER, OF_A_SENDER),
        (Blame.RECIPIENT, OF_A_RECIPIENT),
        (Blame.UNCLEAR, UNCLEAR),
    )
    for line in lines.strip().splitlines()
]


@pytest.mark.parametrize(("blame", "stage", "code", "text"), SAID, ids=[" ".join(row[1:]) for row in SAID])
def test_it_is_told_from_stage_code_and_words(blame: Blame, stage: Stage, code: str, text: str) -> None:
    assert blamed(stage, Reply(int(code), text), (RECIPIENT, SENDER)) is blame


def test_what_differs_in_names_and_numbers_only_is_the_same_reply() -> None:
    first = gist(Reply(554, "5.7.1 <ann@x.example>: rejected by mx1.x.example, id 4Tz1x7"), ["ann@x.example"])
    again = gist(Reply(554, "5.7.1 <bob@y.example>: rejected by mx2.y.example, id 9Qa22b"), ["bob@y.example"])
    assert first == again
    assert gist(Reply(550, "bob: rejected"), ["bob@y.example"]) == gist(
        Reply(550, "ann: rejected"), ["ann@x.example"]
    )
    assert gist(Reply(550, "5.7.1 rejected")) != gist(Reply(550, "5.1.1 rejected"))
    assert gist(Reply(550, "5.7.1 rejected")) != gist(Reply(554, "5.7.1 rejected"))


NOON = datetime(2026, 11, 28, 12, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "is_again", "hours"),
    [
        ("5.4.5 Daily user sending limit exceeded", False, 11 + 2 / 3),
        ("5.4.5 Daily user sending limit exceeded", True, 1),
        ("Too many emails sent in the last 24 hours", False, 11 + 2 / 3),
        ("has exceeded the max emails per hour (150/150) allowed", False, 2 / 3),
        ("Monthly quota exceeded", False, 1),
        ("Sending limit exceeded", False, None),
    ],
)
def test_a_quota_waits_for_its_next_time(text: str, is_again: bool, hours: float | None) -> None:
    pause = quota_pause(Reply(550, text), NOON, is_again=is_again)
    assert (pause and pause.total_seconds() / 3600) == (hours and pytest.approx(hours))


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("Daily limit exceeded, try again after 2026-11-29 06:00:00 UTC", 17 + 2 / 3),
        ("Daily limit exceeded until 2026-11-29T01:20:00+01:00", 12),
        ("Daily limit exceeded, try again at 00:20 GMT", 12),
        ("Daily limit exceeded, try again at 12:00", None),
        ("Daily limit exceeded since 2026-11-27 06:00 UTC", None),
        ("Daily limit exceeded, see 2026-13-45 99:99 UTC", None),
    ],
)
def test_a_moment_that_is_named_is_waited_for(text: str, hours: float | None) -> None:
    wait = told_moment(Reply(550, text), NOON)
    assert (wait and wait.total_seconds() / 3600) == (hours and pytest.approx(hours))


def test_a_wait_that_is_named_counts_whatever_the_code() -> None:
    assert Reply(550, "5.4.5 Daily limit exceeded, try again in 5 hours").told_wait == 5 * 3600
    assert Reply(554, "5.7.1 quota resets in 1 day").told_wait == 86_400


@pytest.mark.parametrize(
    "pump",
    ["a", "a-", "a.", " n", "@", "a@", "<a@b>", ">", "<", "1", "mail ", "user ", "https://", "4.7.1 ", "["],
)
def test_no_reply_takes_long_to_be_judged(pump: str) -> None:
    """A worker's loop stood still for 31 seconds: `limit mail`, and then other words up to 32 kB."""
    text = "4.7.1 limit mail user " + pump * (LONGEST_REPLY // len(pump))
    reply, began = Reply(450, text), time.thread_time()
    for judge in (is_about_session, blamed_at_rcpt, gist, quota_period):
        judge(reply)
    told_moment(reply, datetime.now(UTC))
    address_fault(450, text)
    without_addresses(text)
    assert time.thread_time() - began < 1


def blamed_at_rcpt(reply: Reply) -> Blame:
    return blamed("rcpt", reply, [RECIPIENT, SENDER])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sorry, ann@x.example is unknown", "sorry, ... is unknown"),
        ('to <ann@x.example>, "bob"@y.example', 'to <...>, "bob"@y.example'),
        ("at @ noon, a@ or @b", "at @ noon, a@ or @b"),
    ],
)
def test_addresses_are_left_out_of_the_log(text: str, shown: str) -> None:
    assert without_addresses(text) == shown
