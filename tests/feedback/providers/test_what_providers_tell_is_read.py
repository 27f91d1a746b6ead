"""Each provider's events, after its documentation, are reports in one shape."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from mailroom.feedback.providers.known import PROVIDERS
from mailroom.feedback.providers.post import Post, PostRefused
from mailroom.feedback.providers.told import ToldEvent
from mailroom.feedback.report import ReportKind
from mailroom.smtp.address_fault import AddressFault, address_fault
from tests.feedback.providers import posts
from tests.feedback.providers.posts import ANN, OURS, OWN_IDS, Event

NOW = float(int(time.time()))
EVERY = pytest.mark.parametrize("provider", PROVIDERS)
KINDS = {
    "delivered": ReportKind.DELIVERED,
    "delayed": ReportKind.DELAYED,
    "bounced": ReportKind.BOUNCED,
    "soft": ReportKind.BOUNCED,
    "complained": ReportKind.COMPLAINED,
}


def read(provider: str, event: Event) -> list[ToldEvent]:
    signed = posts.signed(provider, event, NOW)
    return PROVIDERS[provider].read(Post(signed.headers, signed.body))


@EVERY
@pytest.mark.parametrize("kind", KINDS)
def test_what_became_of_a_mail_is_read(provider: str, kind: str) -> None:
    [one] = read(provider, posts.event(provider, kind, at=NOW))
    report = one.report
    assert (report.kind, report.way, report.address) == (KINDS[kind], provider, ANN)
    assert report.at == datetime.fromtimestamp(NOW, UTC)
    assert report.is_proven and len(report.key) == 64 and report.raw
    assert report.is_transient == (kind == "soft")
    known = "<6f1c2a4e-0000-4000-8000-000000000000.7>" if provider == "postmark" else OURS
    assert report.message_id == known
    if kind == "bounced":
        assert (report.code, report.status) == (550, "5.1.1") and "no such user" in report.words


@EVERY
def test_opens_and_clicks_are_forgotten(provider: str) -> None:
    assert read(provider, posts.event(provider, "opened", at=NOW)) == []


@pytest.mark.parametrize("provider", OWN_IDS)
def test_where_our_message_id_is_not_told_the_providers_own_is(provider: str) -> None:
    [one] = read(provider, posts.event(provider, "bounced", message_id="", at=NOW))
    assert one.own_id == OWN_IDS[provider]
    assert one.report.message_id != OURS


@EVERY
def test_the_same_event_has_the_same_key_and_no_other_has(provider: str) -> None:
    every = [
        posts.event(provider, kind, address=address, at=NOW - ago)
        for kind in ("bounced", "delivered", "complained")
        for address in (ANN, "bob@mail.example")
        for ago in (0, 60)
    ]
    keys = [one.report.key for event in every for one in read(provider, event)]
    assert len(set(keys)) == len(every)
    assert keys == [one.report.key for event in every for one in read(provider, event)]


def test_an_event_of_ses_is_the_same_by_both_of_its_ways() -> None:
    """Of an identity's notifications, and of a configuration set: somebody may have both."""
    by_set = posts.event("ses", "bounced", at=NOW)
    by_identity = {**by_set, "notificationType": by_set["eventType"]}
    del by_identity["eventType"]
    assert read("ses", by_set)[0].report.key == read("ses", by_identity)[0].report.key


def test_each_recipient_of_one_notice_has_a_report() -> None:
    event = posts.event("ses", "bounced", at=NOW)
    event["bounce"]["bouncedRecipients"] = [{"emailAddress": f"p{n}@mail.example"} for n in range(3)]
    found = read("ses", event)
    assert [one.report.address for one in found] == [f"p{n}@mail.example" for n in range(3)]
    assert len({one.report.key for one in found}) == 3


@pytest.mark.parametrize("provider", ["sendgrid", "brevo"])
def test_many_events_may_come_in_one_post(provider: str) -> None:
    kinds = ["delivered", "opened", "bounced", "complained"]
    body = posts.octets([posts.event(provider, kind, at=NOW) for kind in kinds])
    found = PROVIDERS[provider].read(Post({}, body))
    assert [one.report.kind for one in found] == [KINDS[kind] for kind in kinds if kind != "opened"]


def test_of_several_recipients_resend_does_not_say_which() -> None:
    event = posts.event("resend", "bounced", at=NOW)
    event["data"]["to"] = [ANN, "bob@mail.example"]
    found = read("resend", event)
    assert [(one.report.message_id, one.own_id) for one in found] == [("", OWN_IDS["resend"])] * 2


@pytest.mark.parametrize(
    "type", ["AutoResponder", "ChallengeVerification", "AddressChange", "Subscribe", "OpenRelayTest"]
)
def test_an_answer_of_somebody_who_is_away_is_no_bounce(type: str) -> None:
    assert read("postmark", {**posts.event("postmark", "bounced", at=NOW), "Type": type}) == []


@pytest.mark.parametrize(
    ("reason", "is_transient"),
    [("Bounced Address", False), ("Invalid SMTPAPI header", False), ("Spam Content", True)],
)
def test_what_sendgrid_drops_did_not_arrive(reason: str, is_transient: bool) -> None:
    event = {**posts.event("sendgrid", "bounced", at=NOW), "event": "dropped", "reason": reason}
    [one] = read("sendgrid", event)
    assert (one.report.kind, one.report.is_transient) == (ReportKind.BOUNCED, is_transient)


TOO_LARGE = {"bounceType": "Transient", "bounceSubType": "MessageTooLarge", "bouncedRecipients": [{}]}
POLICY: dict[str, list[Event]] = {
    "ses": [{"eventType": "Reject", "reject": {"reason": "Bad content"}}, {"bounce": TOO_LARGE}],
    "postmark": [{"Type": "SMTPApiError", "Details": ""}, {"Type": "Blocked", "Details": "no such user"}],
    "mailgun": [{"reason": "espblock"}, {"reason": "suppress-unsubscribe"}],
    "sendgrid": [
        {"type": "blocked", "status": "", "reason": "no such user"},
        {"event": "dropped", "status": "", "reason": "Recipient List over Package Quota"},
    ],
    "brevo": [{"event": "error", "reason": ""}, {"event": "blocked", "reason": ""}],
    "resend": [{"type": "email.failed"}],
}


@pytest.mark.parametrize(("provider", "said"), [(name, one) for name, some in POLICY.items() for one in some])
def test_what_is_about_the_mail_or_about_us_blames_no_address(provider: str, said: Event) -> None:
    [one] = read(provider, {**posts.event(provider, "bounced", at=NOW), **said})
    report = one.report
    names = (report.address,)
    fault = address_fault(report.code, report.words, names, report.status, is_transient=report.is_transient)
    assert (report.kind, fault) == (ReportKind.BOUNCED, AddressFault.NONE)


def test_words_by_which_ses_tries_a_topic_are_no_event() -> None:
    said = posts.notification("Successfully validated SNS topic for Amazon SES event publishing.", NOW)
    assert PROVIDERS["ses"].read(Post({}, posts.sns(said).body)) == []


ODD: tuple[object, ...] = (
    None,
    True,
    0,
    -1,
    1e308,
    10**400,
    "",
    "\0",
    "x" * 5_000,
    [],
    [[]],
    {},
    {"": []},
    "<>",
    "\n.\r\n",
)


def every_change(value: object, odd: object) -> list[object]:
    """`value` with each of its parts in turn replaced."""
    changed: list[object] = [odd]
    if isinstance(value, dict):
        for name in value:
            changed += [{**value, name: part} for part in every_change(value[name], odd)]
            changed.append({other: part for other, part in value.items() if other != name})
    if isinstance(value, list):
        for at, old in enumerate(value):
            changed += [[*value[:at], part, *value[at + 1 :]] for part in every_change(old, odd)]
    return changed


@EVERY
@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_whatever_stands_in_a_field_is_read_or_refused(provider: str, odd: object) -> None:
    """And nothing is made of it that no ledger can hold."""
    for kind in KINDS:
        for event in every_change(posts.event(provider, kind, at=NOW), odd):
            whole = posts.notification(posts.octets(event).decode(), NOW) if provider == "ses" else event
            body = posts.octets({"event-data": whole} if provider == "mailgun" else whole)
            try:
                found = PROVIDERS[provider].read(Post({}, body))
            except PostRefused:
                continue
            for one in found:
                report = one.report
                said = report.words + report.address + report.message_id + report.status + report.reporter
                assert said.isprintable()
                assert len(report.words) <= 1_000 and len(report.address) <= 320 and len(report.status) <= 11
                assert report.code is None or 400 <= report.code <= 599
