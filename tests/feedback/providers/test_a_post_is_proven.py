"""No post is believed that is not proven: by the algorithm of each provider, with keys made here."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from mailroom.feedback.providers import ses
from mailroom.feedback.providers.known import PROVIDERS
from mailroom.feedback.providers.post import CannotTell, Post, PostRefused
from tests.feedback.providers import posts
from tests.feedback.providers.posts import CERTIFICATE_URL, OTHER_KEYS, TOPIC, Signed

NOW = float(int(time.time()))
EVERY = pytest.mark.parametrize("provider", PROVIDERS)
SIGNED = [name for name, provider in PROVIDERS.items() if provider.is_signed]
OLDEST = {"ses": 2 * 3600, "mailgun": 12 * 3600, "sendgrid": 25 * 3600, "resend": 300}


def fetched(url: str) -> bytes:
    assert url == CERTIFICATE_URL
    return posts.certificate()


def never(url: str) -> bytes:
    raise AssertionError(url)


def proves(provider: str, signed: Signed, key: str = "", now: float = NOW) -> str:
    post = Post(signed.headers, signed.body)
    return PROVIDERS[provider].verify(post, key or posts.key_of(provider), now, fetched)


def a_post(provider: str, at: float = NOW) -> Signed:
    return posts.signed(provider, posts.event(provider, "bounced", at=at), at)


@EVERY
def test_what_the_provider_signed_is_believed(provider: str) -> None:
    proves(provider, a_post(provider))


@EVERY
def test_another_key_is_refused(provider: str) -> None:
    with pytest.raises(PostRefused):
        proves(provider, a_post(provider), OTHER_KEYS[provider])


@pytest.mark.parametrize("provider", [name for name in SIGNED if name != "mailgun"])
def test_another_body_is_refused(provider: str) -> None:
    signed = a_post(provider)
    with pytest.raises(PostRefused):
        proves(provider, signed.with_body(signed.body.replace(b"mail.example", b"mail.exampl3", 1)))


@EVERY
def test_without_what_proves_it_it_is_refused(provider: str) -> None:
    signed = a_post(provider)
    for name in signed.headers:
        if name.lower() in ("content-type", "x-amz-sns-message-type"):
            continue
        left = {other: value for other, value in signed.headers.items() if other != name}
        with pytest.raises(PostRefused):
            proves(provider, replace(signed, headers=left))
    if provider in ("ses", "mailgun"):
        said = json.loads(signed.body)
        for name in ("Signature", "signature", "TopicArn", "Timestamp", "SigningCertURL", "Type"):
            if name in said:
                left = {other: value for other, value in said.items() if other != name}
                with pytest.raises(PostRefused):
                    proves(provider, signed.with_body(posts.octets(left)))


@pytest.mark.parametrize("provider", SIGNED)
def test_what_was_signed_too_long_ago_is_refused(provider: str) -> None:
    proves(provider, a_post(provider), now=NOW + OLDEST[provider] - 2)
    for now in (NOW + OLDEST[provider] + 2, NOW - 302):
        with pytest.raises(PostRefused, match="signed"):
            proves(provider, a_post(provider), now=now)


@pytest.mark.parametrize("provider", ["mailgun", "sendgrid", "resend"])
def test_a_timestamp_is_split_from_what_follows_in_one_way_only(provider: str) -> None:
    """What is signed is both together: a figure more or less is another timestamp of the same signature."""
    signed = a_post(provider)
    if provider == "mailgun":
        block = json.loads(signed.body)["signature"]
        moved = {
            **block,
            "timestamp": block["timestamp"][:-1],
            "token": block["timestamp"][-1] + block["token"],
        }
        changed = signed.with_body(posts.octets({**json.loads(signed.body), "signature": moved}))
    elif provider == "sendgrid":
        name = "X-Twilio-Email-Event-Webhook-Timestamp"
        stamp = signed.headers[name]
        headers = {**signed.headers, name: stamp[:-1]}
        changed = Signed(headers, stamp[-1].encode() + signed.body)
    else:
        stamp = signed.headers["svix-timestamp"]
        headers = {
            **signed.headers,
            "svix-id": f"{signed.headers['svix-id']}.{stamp}",
            "svix-timestamp": "1000000000",
        }
        changed = Signed(headers, signed.body)
    with pytest.raises(PostRefused):
        proves(provider, changed)


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", [{}, {"Subject": "Amazon SES notification\nof two lines"}])
def test_both_versions_of_sns_signature_are_known(version: str, subject: dict[str, str]) -> None:
    said = posts.notification(posts.event("ses", "bounced"), NOW, **subject)
    proves("ses", posts.sns(said, version))
    with pytest.raises(PostRefused):
        proves(
            "ses",
            replace(
                posts.sns(said, version),
                body=posts.sns(said, version).body.replace(
                    f'"SignatureVersion": "{version}"'.encode(), b'"SignatureVersion": "3"'
                ),
            ),
        )


@pytest.mark.parametrize(
    "url",
    [
        CERTIFICATE_URL.replace("https", "http"),
        CERTIFICATE_URL.replace("eu-west-1", "us-east-1"),
        CERTIFICATE_URL.replace("sns.eu-west-1.amazonaws.com", "sns.eu-west-1.amazonaws.com.example.org"),
        CERTIFICATE_URL.replace("sns.eu-west-1.amazonaws.com", "sns.eu-west-1.amazonaws.com:444"),
        CERTIFICATE_URL.replace("sns.eu-west-1", "example.org@sns.eu-west-1"),
        CERTIFICATE_URL.replace("sns.eu-west-1.amazonaws.com", "sns.eu-west-1.amazonaws.com@example.org"),
        CERTIFICATE_URL.replace("sns.eu-west-1.amazonaws.com", "bucket.s3.amazonaws.com"),
        CERTIFICATE_URL.replace("/Simple", "\\@example.org/Simple"),
        CERTIFICATE_URL.replace("/Simple", "/../Simple"),
        CERTIFICATE_URL + "?x=.pem",
        CERTIFICATE_URL + "#",
        CERTIFICATE_URL + "\n",
        "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&x=.pem",
        CERTIFICATE_URL.replace("https://sns", "HTTPS://SNS"),
        "",
        None,
        [CERTIFICATE_URL],
    ],
)
def test_a_certificate_of_elsewhere_is_never_asked_for(url: object) -> None:
    said = posts.notification(posts.event("ses", "bounced"), NOW, SigningCertURL=url)
    signed = posts.sns(said)
    with pytest.raises(PostRefused, match="certificate"):
        ses.verify(Post({}, signed.body), TOPIC, NOW, never)


def test_no_certificate_is_asked_for_of_another_topic_or_another_time() -> None:
    event = posts.event("ses", "bounced")
    for said in (
        posts.notification(event, NOW, TopicArn=OTHER_KEYS["ses"]),
        posts.notification(event, NOW - 3 * 3600),
    ):
        with pytest.raises(PostRefused):
            ses.verify(Post({}, posts.sns(said).body), TOPIC, NOW, never)


@pytest.mark.parametrize(
    "pem", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_what_is_no_certificate_is_refused(pem: bytes) -> None:
    with pytest.raises(PostRefused, match="certificate"):
        ses.verify(Post({}, a_post("ses").body), TOPIC, NOW, lambda _: pem)


def test_a_certificate_that_is_over_is_refused() -> None:
    with pytest.raises(PostRefused, match="not valid now"):
        ses.verify(Post({}, a_post("ses").body), TOPIC, NOW, lambda _: posts.certificate(-1))


def test_while_the_certificate_cannot_be_had_nothing_is_said() -> None:
    def away(_: str) -> bytes:
        raise CannotTell("no answer")

    with pytest.raises(CannotTell):
        ses.verify(Post({}, a_post("ses").body), TOPIC, NOW, away)


def test_lines_that_say_they_are_other_fields_prove_no_other_topic() -> None:
    """Whoever has a topic of their own has SNS sign any text: also one that reads like ours."""
    theirs = OTHER_KEYS["ses"]
    text = f"{{}}\nMessageId\n1\nTimestamp\n{posts.iso(NOW)}\nTopicArn\n{TOPIC}\nType\nNotification"
    signed = json.loads(posts.sns(posts.notification(text, NOW, TopicArn=theirs)).body)
    for forged in (
        {**signed, "TopicArn": TOPIC},
        {**signed, "Message": "{}", "MessageId": "1", "TopicArn": TOPIC},
        {
            **signed,
            "Message": "{}",
            "MessageId": "1",
            "TopicArn": f"{TOPIC}\nType\nNotification\nTopicArn\n{theirs}",
        },
    ):
        with pytest.raises(PostRefused):
            ses.verify(Post({}, posts.octets(forged)), TOPIC, NOW, fetched)


def test_a_subscription_is_confirmed_for_the_topic_that_was_named() -> None:
    signed = posts.sns(posts.subscription(NOW))
    proves("ses", signed)
    url = ses.confirmation(Post({}, signed.body), TOPIC)
    assert url == json.loads(signed.body)["SubscribeURL"]
    assert ses.confirmation(Post({}, a_post("ses").body), TOPIC) == ""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("https://sns.eu-west-1.amazonaws.com", "https://example.org"),
        ("https://", "http://"),
        ("amazonaws.com/", "amazonaws.com:8443/"),
        ("sns.eu", "user@sns.eu"),
        ("/?Action", "/path?Action"),
        ("ConfirmSubscription", "Unsubscribe"),
        (TOPIC, OTHER_KEYS["ses"]),
        ("&Token=", "&Token=0"),
        ("&Token=", "&x=1&Token="),
        ("?Action=", "?Action=Publish&Action="),
    ],
)
def test_nothing_else_is_called_to_confirm(old: str, new: str) -> None:
    url = posts.subscription(NOW)["SubscribeURL"].replace(old, new)
    signed = posts.sns(posts.subscription(NOW, SubscribeURL=url))
    with pytest.raises(PostRefused):
        ses.confirmation(Post({}, signed.body), TOPIC)


@pytest.mark.parametrize(
    ("topic", "host"),
    [
        (TOPIC, "sns.eu-west-1.amazonaws.com"),
        ("arn:aws-cn:sns:cn-north-1:123456789012:a", "sns.cn-north-1.amazonaws.com.cn"),
        ("arn:aws-us-gov:sns:us-gov-west-1:123456789012:a", "sns.us-gov-west-1.amazonaws.com"),
    ],
)
def test_a_topic_says_where_its_certificates_are(topic: str, host: str) -> None:
    assert ses.host_of(topic) == host


@pytest.mark.parametrize(
    "topic",
    ["", "arn:aws:sns:evil.example/#-1:123456789012:a", "arn:aws:sqs:eu-west-1:123456789012:a", f"{TOPIC}\n"],
)
def test_what_is_no_topic_is_no_key(topic: str) -> None:
    with pytest.raises(ValueError, match="topic"):
        ses.host_of(topic)


@pytest.mark.parametrize(
    "shown", ["Basic", "Basic !!!", "Bearer", "Digest x", f"Bearer {posts.PASSWORD}x", "Basic Og=="]
)
@pytest.mark.parametrize("provider", ["postmark", "brevo"])
def test_a_wrong_password_is_refused(provider: str, shown: str) -> None:
    with pytest.raises(PostRefused):
        proves(provider, replace(a_post(provider), headers={"Authorization": shown}))


BROKEN = [
    b"",
    b"{",
    b"\xff\xfe{\x00}\x00",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b'{"signature":1,"signature":2}',
    b"[" + b"{}," * 300_000 + b"{}]",
    b"1" * 10_000,
    b'{"Type": NaN}',
]


@EVERY
@pytest.mark.parametrize("body", BROKEN, ids=range(len(BROKEN)))
def test_what_is_no_json_or_too_much_of_it_is_refused(provider: str, body: bytes) -> None:
    post = Post({}, body)
    with pytest.raises(PostRefused):
        PROVIDERS[provider].verify(post, posts.key_of(provider), NOW, fetched)
    with pytest.raises(PostRefused):
        PROVIDERS[provider].read(post)


def test_deep_json_within_a_message_of_sns_is_refused() -> None:
    signed = posts.sns(posts.notification('{"a":' * 20_000, NOW))
    proves("ses", signed)
    with pytest.raises(PostRefused):
        ses.read(Post({}, signed.body))
