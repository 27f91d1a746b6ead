"""The providers that are known, each with what its own website calls the key that Mailroom needs of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mailroom.feedback.providers import brevo, mailgun, postmark, resend, sendgrid, ses
from mailroom.feedback.providers.post import Fetch, Post
from mailroom.feedback.providers.told import ToldEvent

LONGEST_PROVIDER_KEY = 1_000


def _no_confirmation(_: Post, __: str) -> str:
    return ""


def _plain(key: str) -> None:
    if len(key) < 16:
        raise ValueError("too short")


@dataclass(frozen=True, slots=True)
class Provider:
    """`name`: in URLs, and as a report's `way`. `verify(post, key, now, fetch)` raises PostRefused or
    CannotTell; it returns what is good for one post only, or "". `check(key)` raises ValueError for what
    cannot be a key.
    """

    name: str
    title: str
    key_name: str
    key_hint: str
    url_hint: str
    verify: Callable[[Post, str, float, Fetch], str]
    read: Callable[[Post], list[ToldEvent]]
    check: Callable[[str], object]
    confirmation: Callable[[Post, str], str] = _no_confirmation
    is_signed: bool = True
    """Else it shows a password, which Mailroom makes."""


PROVIDERS = {
    provider.name: provider
    for provider in (
        Provider(
            "ses",
            "Amazon SES",
            "ARN of the SNS topic",
            "Like arn:aws:sns:eu-west-1:123456789012:mail. Posts of other topics are refused.",
            "In Amazon SNS: the topic, Create subscription, protocol HTTPS, this as the endpoint, raw "
            "message delivery off. In Amazon SES: have a configuration set, or the identity's "
            "notifications with their original headers, publish bounces, complaints, deliveries and delivery "
            "delays to that topic.",
            ses.verify,
            ses.read,
            ses.host_of,
            ses.confirmation,
        ),
        Provider(
            "postmark",
            "Postmark",
            "Password",
            "Postmark signs nothing: it shows a password that Mailroom makes, in the URL.",
            "In Postmark: the message stream, Webhooks, Add webhook. Paste the URL that has the password in "
            "it. Choose delivery, bounce, spam complaint and subscription change.",
            postmark.verify,
            postmark.read,
            _plain,
            is_signed=False,
        ),
        Provider(
            "mailgun",
            "Mailgun",
            "HTTP webhook signing key",
            "In Mailgun: API security, HTTP webhook signing key.",
            "In Mailgun: Sending, Webhooks, the domain. Add it for delivered messages, permanent failures, "
            "temporary failures, spam complaints and unsubscribes.",
            mailgun.verify,
            mailgun.read,
            _plain,
        ),
        Provider(
            "sendgrid",
            "SendGrid",
            "Verification key",
            "In SendGrid: the webhook's security features, signature verification. It is a public key.",
            "In SendGrid: Settings, Mail Settings, Event Webhooks, Create. Choose delivered, deferred, "
            "bounced, dropped, spam reports and unsubscribes, and enable signature verification.",
            sendgrid.verify,
            sendgrid.read,
            sendgrid.public_key,
        ),
        Provider(
            "brevo",
            "Brevo",
            "Password",
            "Brevo signs nothing: it shows a password that Mailroom makes, in the URL or as a token.",
            "In Brevo: Transactional, Email, Settings, Webhook, Add. Paste the URL that has the password in "
            "it, or this one with the token. Choose delivered, deferred, soft and hard bounce, "
            "invalid email, blocked, error, complaint and unsubscribed.",
            brevo.verify,
            brevo.read,
            _plain,
            is_signed=False,
        ),
        Provider(
            "resend",
            "Resend",
            "Signing secret",
            "On the webhook's page in Resend; it begins with whsec_.",
            "In Resend: Webhooks, Add webhook. Choose email.delivered, email.delivery_delayed, "
            "email.bounced, email.failed, email.suppressed and email.complained.",
            resend.verify,
            resend.read,
            resend.secret_of,
        ),
    )
}
