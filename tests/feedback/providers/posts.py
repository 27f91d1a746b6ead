"""Posts of providers, after their public documentation, signed as they sign them, with keys made here."""

from __future__ import annotations

import hmac
import json
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from standardwebhooks import Webhook

from mailroom.feedback.providers.ses import signed_text

ANN = "ann@mail.example"
OURS = "<6f1c2a4e-0000-4000-8000-000000000000.7@mailroom.example>"
THEIRS = "0102018f-3b6e-4d1c-9a2b-7c1d5e9f0a11-000000"
REFUSAL = "550 5.1.1 <ann@mail.example>: no such user"

TOPIC = "arn:aws:sns:eu-west-1:123456789012:mailroom"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
PASSWORD = "a password that Mailroom made"
MAILGUN_KEY = "key-of-mailgun-0123456789abcdef"
RESEND_KEY = "whsec_" + b64encode(b"a secret of twenty-four").decode()

OTHER_KEYS = {
    "ses": TOPIC.replace("123456789012", "999999999999"),
    "postmark": "another password altogether",
    "mailgun": "key-of-somebody-else-entirely",
    "sendgrid": "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw"
    "+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==",
    "brevo": "another password altogether",
    "resend": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}


@dataclass(frozen=True)
class Signed:
    """What a provider sends."""

    headers: dict[str, str]
    body: bytes

    def with_body(self, body: bytes) -> Signed:
        return replace(self, body=body)


Event = dict[str, Any]


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def certificate(valid_days: int = 365) -> bytes:
    """Of SNS, as it would be fetched."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    until = datetime.now(UTC) + timedelta(days=valid_days)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(rsa_key().public_key())
        .serial_number(1)
        .not_valid_before(until - timedelta(days=730))
        .not_valid_after(until)
        .sign(rsa_key(), SHA256())
    )
    return made.public_bytes(Encoding.PEM)


def now() -> float:
    return time.time()


def octets(value: Any) -> bytes:
    return json.dumps(value).encode()


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def key_of(provider: str) -> str:
    return {
        "ses": TOPIC,
        "postmark": PASSWORD,
        "mailgun": MAILGUN_KEY,
        "sendgrid": b64encode(
            ec_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        ).decode(),
        "brevo": PASSWORD,
        "resend": RESEND_KEY,
    }[provider]


# How each of them signs


def sns(message: Event, version: str = "1") -> Signed:
    """A message of SNS that says all but its signature."""
    message = {"SignatureVersion": version, "SigningCertURL": CERTIFICATE_URL, **message}
    hashed = SHA1() if version == "1" else SHA256()
    signature = rsa_key().sign(signed_text(message), padding.PKCS1v15(), hashed)
    return Signed(
        {"Content-Type": "text/plain; charset=UTF-8", "x-amz-sns-message-type": message["Type"]},
        octets({**message, "Signature": b64encode(signature).decode()}),
    )


def notification(event: Any, at: float, **fields: Any) -> Event:
    return {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Message": event if isinstance(event, str) else json.dumps(event),
        "Timestamp": iso(at),
        "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
        **fields,
    }


def subscription(at: float, **fields: Any) -> Event:
    token = "2336412f37fb687f5d51e6e241d09c805a5a57b30d712f794cc5f6a988666d92"
    url = f"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token={token}"
    return {
        "Type": "SubscriptionConfirmation",
        "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
        "Token": token,
        "TopicArn": TOPIC,
        "Message": f"You have chosen to subscribe to the topic {TOPIC}.\nTo confirm, visit the SubscribeURL.",
        "SubscribeURL": url,
        "Timestamp": iso(at),
        **fields,
    }


def _ses(event: Event, at: float) -> Signed:
    return sns(notification(event, at))


def _basic(event: Event, at: float) -> Signed:
    shown = b64encode(f"mailroom:{PASSWORD}".encode()).decode()
    return Signed({"Authorization": f"Basic {shown}", "Content-Type": "application/json"}, octets(event))


def _bearer(event: Event, at: float) -> Signed:
    return Signed({"Authorization": f"Bearer {PASSWORD}", "Content-Type": "application/json"}, octets(event))


def mailgun(event: Event, at: float, token: str = "") -> Signed:
    timestamp, token = str(int(at)), token or hmac.digest(b"token", octets(event), "sha256").hex()[:50]
    signature = hmac.digest(MAILGUN_KEY.encode(), f"{timestamp}{token}".encode(), "sha256").hex()
    block = {"timestamp": timestamp, "token": token, "signature": signature}
    return Signed({"Content-Type": "application/json"}, octets({"signature": block, "event-data": event}))


def sendgrid(events: list[Event], at: float) -> Signed:
    body, timestamp = octets(events), str(int(at))
    signature = ec_key().sign(timestamp.encode() + body, ec.ECDSA(SHA256()))
    headers = {
        "X-Twilio-Email-Event-Webhook-Signature": b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
    }
    return Signed(headers, body)


def _resend(event: Event, at: float) -> Signed:
    body, uid = octets(event), "msg_p5jXN8AQM9LWM0D4loKWxJek"
    signature = Webhook(RESEND_KEY).sign(uid, datetime.fromtimestamp(at, UTC), body.decode())
    other = "v1,bm9uZSBvZiBvdXJzLCBidXQgdGhlIG9sZCBzZWNyZXQncw=="
    headers = {
        "svix-id": uid,
        "svix-timestamp": str(int(at)),
        "svix-signature": f"{other} {signature}",
    }
    return Signed(headers, body)


SIGNERS: dict[str, Callable[[Event, float], Signed]] = {
    "ses": _ses,
    "postmark": _basic,
    "mailgun": mailgun,
    "sendgrid": lambda event, at: sendgrid([event], at),
    "brevo": _bearer,
    "resend": _resend,
}


def signed(provider: str, event: Event, at: float | None = None) -> Signed:
    return SIGNERS[provider](event, time.time() if at is None else at)


# What each of them says: `kind` is delivered, delayed, bounced, soft, complained, opened or unsubscribed


def event(
    provider: str, kind: str, message_id: str = OURS, address: str = ANN, at: float | None = None
) -> Event:
    return EVENTS[provider](kind, message_id, address, time.time() if at is None else at)


def _ses_event(kind: str, message_id: str, address: str, at: float) -> Event:
    mail = {
        "timestamp": iso(at - 60),
        "messageId": THEIRS,
        "source": "post@mailroom.example",
        "destination": [address],
        "headersTruncated": False,
        "headers": [
            {"name": "From", "value": "post@mailroom.example"},
            *([{"name": "Message-ID", "value": message_id}] if message_id else []),
        ],
    }
    failed = {
        "emailAddress": address,
        "action": "failed",
        "status": "5.1.1",
        "diagnosticCode": f"smtp; {REFUSAL}",
    }
    about: dict[str, Event] = {
        "delivered": {
            "eventType": "Delivery",
            "delivery": {
                "timestamp": iso(at),
                "recipients": [address],
                "smtpResponse": "250 2.6.0 Message received",
                "reportingMTA": "mta.example",
            },
        },
        "delayed": {
            "eventType": "DeliveryDelay",
            "deliveryDelay": {
                "timestamp": iso(at),
                "delayType": "MailboxFull",
                "delayedRecipients": [
                    {"emailAddress": address, "status": "4.2.2", "diagnosticCode": "smtp; 452 4.2.2 full"}
                ],
            },
        },
        "bounced": {
            "eventType": "Bounce",
            "bounce": {
                "bounceType": "Permanent",
                "bounceSubType": "NoEmail",
                "bouncedRecipients": [failed],
                "timestamp": iso(at),
                "feedbackId": f"0102-{at}",
                "reportingMTA": "dsn; a8-70.smtp-out.amazonses.com",
            },
        },
        "soft": {
            "notificationType": "Bounce",
            "bounce": {
                "bounceType": "Transient",
                "bounceSubType": "MailboxFull",
                "bouncedRecipients": [{"emailAddress": address}],
                "timestamp": iso(at),
                "feedbackId": f"0102-{at}",
            },
        },
        "complained": {
            "eventType": "Complaint",
            "complaint": {
                "complainedRecipients": [{"emailAddress": address}],
                "complaintFeedbackType": "abuse",
                "timestamp": iso(at),
                "feedbackId": f"0102-{at}",
            },
        },
        "opened": {"eventType": "Open", "open": {"timestamp": iso(at), "ipAddress": "192.0.2.1"}},
    }
    return {**about[kind], "mail": mail}


def _postmark_event(kind: str, message_id: str, address: str, at: float) -> Event:
    own = "883953f4-6105-42a2-a16a-77a8eac79483"
    same = {
        "MessageID": own,
        "ServerID": 23,
        "MessageStream": "outbound",
        "Metadata": {"mailroom": message_id.strip("<>").partition("@")[0]} if message_id else {},
    }
    if kind == "delivered":
        return {
            **same,
            "RecordType": "Delivery",
            "Recipient": address,
            "DeliveredAt": iso(at),
            "Details": "Test delivery webhook details",
        }
    if kind == "opened":
        return {**same, "RecordType": "Open", "Recipient": address, "ReceivedAt": iso(at)}
    if kind == "unsubscribed":
        return {
            **same,
            "RecordType": "SubscriptionChange",
            "Recipient": address,
            "ChangedAt": iso(at),
            "Origin": "Recipient",
            "SuppressSending": True,
            "SuppressionReason": "ManualSuppression",
        }
    types = {
        "delayed": "Transient",
        "bounced": "HardBounce",
        "soft": "SoftBounce",
        "complained": "SpamComplaint",
    }
    return {
        **same,
        "RecordType": "SpamComplaint" if kind == "complained" else "Bounce",
        "ID": int(at * 1000),
        "Type": types[kind],
        "Email": address,
        "BouncedAt": iso(at),
        "Description": "The server was unable to deliver your message.",
        "Details": f"smtp;{REFUSAL}" if kind == "bounced" else "",
        "Inactive": kind == "bounced",
        "Content": "Return-Path: <>\r\nReceived: ...",
    }


def _mailgun_event(kind: str, message_id: str, address: str, at: float) -> Event:
    failures = {
        "bounced": ("permanent", "bounce", 550, "5.1.1", REFUSAL),
        "soft": ("permanent", "old", 452, "4.2.2", "mailbox full"),
        "delayed": ("temporary", "generic", 452, "4.2.2", "mailbox full"),
    }
    names = {name: name for name in ("delivered", "complained", "opened", "unsubscribed")}
    found: Event = {
        "id": f"CPgfbmQMTCKtHW6uIWtuVe-{at}",
        "timestamp": at,
        "event": names.get(kind, "failed"),
        "recipient": address,
        "message": {"headers": {"to": address, "message-id": message_id.strip("<>"), "subject": "Hello"}},
    }
    if kind in failures:
        severity, reason, code, enhanced, words = failures[kind]
        status = {"code": code, "enhanced-code": enhanced, "message": words, "description": ""}
        found |= {"severity": severity, "reason": reason, "delivery-status": status}
    if kind == "delivered":
        found |= {"delivery-status": {"code": 250, "message": "OK", "mx-host": "mx.mail.example"}}
    return found


def _sendgrid_event(kind: str, message_id: str, address: str, at: float) -> Event:
    about: dict[str, Event] = {
        "delivered": {"event": "delivered", "response": "250 OK"},
        "delayed": {"event": "deferred", "response": "452 4.2.2 mailbox full", "attempt": "5"},
        "bounced": {"event": "bounce", "type": "bounce", "reason": REFUSAL, "status": "5.1.1"},
        "soft": {"event": "bounce", "type": "blocked", "reason": "IP address is blocked", "status": "5.7.1"},
        "complained": {"event": "spamreport"},
        "opened": {"event": "open", "useragent": "Mozilla/4.0"},
        "unsubscribed": {"event": "group_unsubscribe", "asm_group_id": 10},
    }
    return {
        "email": address,
        "timestamp": int(at),
        **({"smtp-id": message_id} if message_id else {}),
        "sg_event_id": f"cmFuZG9t-{kind}-{at}",
        "sg_message_id": "14c5d75ce93-Q9fK2.filterdbq-p3las1-15933-5E7.0",
        **about[kind],
    }


def _brevo_event(kind: str, message_id: str, address: str, at: float) -> Event:
    names = {
        "delivered": "delivered",
        "delayed": "deferred",
        "bounced": "hard_bounce",
        "soft": "soft_bounce",
        "complained": "spam",
        "opened": "unique_opened",
        "unsubscribed": "unsubscribed",
    }
    return {
        "event": names[kind],
        "email": address,
        "id": 26224,
        "date": "2026-11-29 08:00:00",
        "ts": int(at),
        "message-id": message_id or "<202611290800.12345678901@smtp-relay.mailin.fr>",
        "ts_event": int(at),
        "ts_epoch": int(at * 1000),
        "subject": "Hello",
        **({"reason": REFUSAL} if kind == "bounced" else {}),
    }


def _resend_event(kind: str, message_id: str, address: str, at: float) -> Event:
    names = {
        "delivered": "email.delivered",
        "delayed": "email.delivery_delayed",
        "bounced": "email.bounced",
        "soft": "email.bounced",
        "complained": "email.complained",
        "opened": "email.opened",
    }
    bounces: dict[str, Event] = {
        "bounced": {"type": "Permanent", "subType": "General", "message": REFUSAL},
        "soft": {"type": "Temporary", "subType": "MailboxFull", "message": "the mailbox is full"},
    }
    return {
        "type": names[kind],
        "created_at": iso(at),
        "data": {
            "created_at": iso(at - 60),
            "email_id": "56761188-7520-42d8-8898-ff6fc54ce618",
            **({"message_id": message_id} if message_id else {}),
            "from": "Post <post@mailroom.example>",
            "to": [address],
            "subject": "Hello",
            **({"bounce": bounces[kind]} if kind in bounces else {}),
        },
    }


EVENTS: dict[str, Callable[[str, str, str, float], Event]] = {
    "ses": _ses_event,
    "postmark": _postmark_event,
    "mailgun": _mailgun_event,
    "sendgrid": _sendgrid_event,
    "brevo": _brevo_event,
    "resend": _resend_event,
}

OWN_IDS = {
    "ses": THEIRS,
    "postmark": "883953f4-6105-42a2-a16a-77a8eac79483",
    "sendgrid": "14c5d75ce93-Q9fK2",
    "brevo": "202611290800.12345678901@smtp-relay.mailin.fr",
    "resend": "56761188-7520-42d8-8898-ff6fc54ce618",
}
"""By which the relay's 250 names a mail whose Message-ID the provider does not tell."""
