"""Amazon SES, through SNS: RSA (PKCS #1 v1.5) over named fields, by a certificate of SNS itself.

All topics of all customers are signed by the same certificates. So what proves a post is the topic that it is
of, which a person named; its ARN says by which host its certificate and its confirmation come, and nothing
else is asked. A mail is known by the Message-ID among the headers that SES tells (it gives the mail another
one), or by SES' own id, which its 250 names.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm

from mailroom.feedback.providers.post import Fetch, Post, PostRefused, from_base64, read_json, refuse_untimely
from mailroom.feedback.providers.told import ToldEvent, fields, instant, items, text, told
from mailroom.feedback.report import ReportKind

SES_OLDEST = 2 * 3600
"""Seconds: SNS tries again for an hour."""

SNS_TOPIC = re.compile(
    r"arn:(aws|aws-cn|aws-us-gov):sns:([a-z]{2}(?:-[a-z]+)+-[0-9]):[0-9]{12}:[A-Za-z0-9_-]{1,256}"
)
CERTIFICATE_PATH = re.compile(r"/SimpleNotificationService-[0-9A-Za-z]{1,64}\.pem")
NOTIFICATION, CONFIRMATION, FAREWELL = "Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"
_OF_SUBSCRIPTION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
SIGNED_FIELDS = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    CONFIRMATION: _OF_SUBSCRIPTION,
    FAREWELL: _OF_SUBSCRIPTION,
}
IN_SEVERAL_LINES = {"Message", "Subject"}
SES_POLICY = {"ContentRejected", "AttachmentRejected", "MessageTooLarge"}
"""Kinds of a bounce that are about the message."""

SNS_HASHES: Mapping[str, type[HashAlgorithm]] = {"1": SHA1, "2": SHA256}
"""By SignatureVersion."""


def host_of(topic: str) -> str:
    """Of SNS, in that topic's own region. Raises ValueError for what names no topic."""
    found = SNS_TOPIC.fullmatch(topic)
    if found is None:
        raise ValueError("no ARN of a topic")
    return f"sns.{found[2]}.amazonaws.com" + (".cn" if found[1] == "aws-cn" else "")


def verify(post: Post, key: str, now: float, fetch: Fetch) -> str:
    """`key`: the topic's ARN. Raises PostRefused, or CannotTell while its certificate cannot be had."""
    message = fields(post.json())
    if "Signature" not in message:
        raise PostRefused("It is not signed: is raw message delivery on in the topic's subscription?")
    if message.get("TopicArn") != key:
        raise PostRefused("It is of another topic.")
    hashed, signed = SNS_HASHES.get(str(message.get("SignatureVersion"))), signed_text(message)
    if hashed is None:
        raise PostRefused("Its SignatureVersion is neither 1 nor 2.")
    at = instant(message.get("Timestamp"))
    if at is None:
        raise PostRefused("Its timestamp is none.")
    refuse_untimely(at.timestamp(), now, SES_OLDEST)  # before anybody is asked for a certificate
    signature = from_base64(text(message.get("Signature"), 2_000), "signature")
    url = _url_of_certificate(message, key)
    try:
        _public_key(fetch(url), now).verify(signature, signed, padding.PKCS1v15(), hashed())
    except InvalidSignature:
        raise PostRefused("Its signature is not of SNS' certificate.") from None
    return ""


def signed_text(message: Mapping[str, Any]) -> bytes:
    """The name and the value of each field that counts, each in a line. Raises PostRefused."""
    names = SIGNED_FIELDS.get(text(message.get("Type")))
    if names is None:
        raise PostRefused("It is no message of SNS.")
    lines = []
    for name in names:
        value = message.get(name)
        if value is None and name == "Subject":
            continue
        if not isinstance(value, str) or ("\n" in value and name not in IN_SEVERAL_LINES):
            raise PostRefused(f"Its {name} is none.")
        lines += [name, value]
    return "".join(f"{line}\n" for line in lines).encode()


def _url_of_certificate(message: Mapping[str, Any], topic: str) -> str:
    url = message.get("SigningCertURL")
    host = host_of(topic)
    path = url.removeprefix(f"https://{host}") if isinstance(url, str) else ""
    if path == url or not CERTIFICATE_PATH.fullmatch(path):
        raise PostRefused(f"Its certificate is not one of {host}.")
    return f"https://{host}{path}"


def _public_key(pem: bytes, now: float) -> rsa.RSAPublicKey:
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        found = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise PostRefused("What SNS has as its certificate is none.") from None
    moment = datetime.fromtimestamp(now, UTC)
    if not certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc:
        raise PostRefused("Its certificate is not valid now.")
    if not isinstance(found, rsa.RSAPublicKey):
        raise PostRefused("Its certificate is of another kind than SNS' are.")
    return found


def confirmation(post: Post, topic: str) -> str:
    """What is called to confirm the subscription of a post that was verified; "" when it asks for nothing.

    Raises PostRefused.
    """
    message = fields(post.json())
    if message.get("Type") != CONFIRMATION:
        return ""
    host, parts = host_of(topic), urlsplit(str(message.get("SubscribeURL")))
    asked = {"Action": ["ConfirmSubscription"], "TopicArn": [topic], "Token": [message.get("Token")]}
    if (parts.scheme, parts.netloc, parts.path, parts.fragment) != ("https", host, "/", ""):
        raise PostRefused(f"It is not to be confirmed at {host}.")
    if parse_qs(parts.query) != asked:
        raise PostRefused("What is to be called would not confirm this topic's subscription.")
    return f"https://{host}/?{parts.query}"


def read(post: Post) -> list[ToldEvent]:
    """Of a post that was verified."""
    message = fields(post.json())
    said = message.get("Message")
    if message.get("Type") != NOTIFICATION or not isinstance(said, str) or not said.startswith("{"):
        return []  # confirmations; and words by which SES tries a new topic
    return _of_event(fields(read_json(said.encode())))


def _of_event(event: Mapping[str, Any]) -> list[ToldEvent]:
    kind = text(event.get("eventType")) or text(event.get("notificationType"))
    bounce, complaint, delay = (fields(event.get(name)) for name in ("bounce", "complaint", "deliveryDelay"))
    delivery, mail = fields(event.get("delivery")), fields(event.get("mail"))
    match kind:
        case "Bounce":
            is_transient = bounce.get("bounceType") != "Permanent"
            people = bounce.get("bouncedRecipients")
            return _each(ReportKind.BOUNCED, event, bounce, people, is_transient=is_transient)
        case "Complaint" if complaint.get("complaintFeedbackType") != "not-spam":
            return _each(ReportKind.COMPLAINED, event, complaint, complaint.get("complainedRecipients"))
        case "Delivery":
            people = [{"emailAddress": address} for address in items(delivery.get("recipients"))]
            return _each(ReportKind.DELIVERED, event, delivery, people)
        case "DeliveryDelay":
            return _each(ReportKind.DELAYED, event, delay, delay.get("delayedRecipients"))
        case "Reject":  # for a virus in it
            people = [{"emailAddress": address} for address in items(mail.get("destination"))]
            return _each(ReportKind.BOUNCED, event, fields(event.get("reject")), people, is_transient=True)
        case "":
            raise PostRefused("It is no event of SES.")
    return []


def _each(
    kind: ReportKind,
    event: Mapping[str, Any],
    about: Mapping[str, Any],
    people: Any,
    *,
    is_transient: bool = False,
) -> list[ToldEvent]:
    mail = fields(event.get("mail"))
    own_id, message_id = text(mail.get("messageId")), _message_id(mail)
    is_policy = "reject" in event or text(about.get("bounceSubType")) in SES_POLICY
    found = []
    for person in map(fields, items(people)[:50]):
        address = text(person.get("emailAddress"))
        words = (person.get("diagnosticCode"), about.get("smtpResponse"), about.get("reason"))
        sort = " ".join(text(about.get(name)) for name in ("bounceType", "bounceSubType")).strip()
        found.append(
            told(
                kind,
                "ses",
                event,
                (own_id, text(about.get("feedbackId")), text(about.get("timestamp")), address),
                message_id=message_id,
                own_id="" if message_id else own_id,
                address=address,
                words=next(filter(None, (text(one, 1_000) for one in words)), sort),
                status=text(person.get("status")),
                at=instant(about.get("timestamp")),
                reporter=text(about.get("reportingMTA")) or "Amazon SES",
                is_transient=is_transient,
                is_policy=is_policy,
            )
        )
    return found


def _message_id(mail: Mapping[str, Any]) -> str:
    """The one that it was handed in with; "": the headers are not told."""
    for header in map(fields, items(mail.get("headers"))):
        if text(header.get("name")).lower() == "message-id":
            return text(header.get("value"), 1_000)
    return ""
