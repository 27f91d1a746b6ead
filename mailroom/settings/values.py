"""The types of variables: texts that have to be something, and what becomes of them."""

from __future__ import annotations

import re
from datetime import timedelta
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from mailroom import urls
from mailroom.proxies import Proxies


class SettingsError(Exception):
    """The environment does not describe a system that can run."""


def span(text: str) -> timedelta:
    """`90s`, `5m`, `4h`, `2d`; no other spelling, though pydantic knows some."""
    found = re.fullmatch(r"([1-9][0-9]{0,5})([smhd])", text.strip())
    if found is None:
        raise ValueError("not a span of time")
    return timedelta(seconds=int(found[1]) * SETTING_TIME_UNITS[found[2]])


def _host(text: str) -> str:
    try:
        ip_address(text)
    except ValueError:
        if re.fullmatch(r"[\w.-]+", text) is None:
            raise
    return text


def _greeting(text: str | None) -> str | None:
    """What may stand in EHLO. Raises ValueError."""
    if text is None:
        return None
    if text.startswith("[") and text.endswith("]"):
        ip_address(text[1:-1].removeprefix("IPv6:"))
    elif re.fullmatch(r"(?=.{1,253}\Z)[A-Za-z0-9_-]+(\.[A-Za-z0-9-]+)+", text) is None:
        raise ValueError("not a full name")
    return text


def _with_a_port(text: str) -> str:
    """Raises ValueError, as urlsplit does when it is asked for a port that is none."""
    if urlsplit(text if "//" in text else f"//{text}").port == 0:
        raise ValueError("not a port")
    return text


def _proxies(names: tuple[str, ...]) -> tuple[str, ...]:
    """Raises ValueError, as Proxies does."""
    Proxies(names)
    return names


def parts_of(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
PRIVATE_DOMAIN = re.compile(rf"(?:\*\.)?(?:{_LABEL}\.)*(?![0-9]+\Z){_LABEL}").fullmatch


def private_domain(text: str) -> str:
    if PRIVATE_DOMAIN(text.lower()) is None:
        raise ValueError("not a domain")
    return text.lower()


GUESSED_FIRST = re.compile(
    r"(change|replace)[ _-]?(me|this|it).*"
    r"|((my|the|a|your|some|super|very|dev|test|flask|top)[ _-]*)*secret[ _-]*(key|password|word)?[0-9!]*"
    r"|(pass(word)?|admin|mailroom|default|example|insecure|qwerty\w*)[0-9!._-]*"
    r"|(0?123456789?0?)+|(?P<few>.{1,3})(?P=few)*",
    re.IGNORECASE,
).fullmatch
"""What a stranger tries first: words of examples, and a few characters over and over."""


def _mailbox(url: str) -> str:
    """What MailboxPlace reads. A password has a variable of its own, which may come as a file."""
    parts = urlsplit(url)
    if parts.scheme not in ("imap", "imaps") or not parts.hostname or not parts.username or parts.port == 0:
        raise ValueError("no mailbox")
    if parts.password is not None or parts.query or parts.fragment:
        raise ValueError("more than a mailbox")
    return url


def _place(text: str) -> str:
    """A Unix socket, or a host and its port."""
    if text.startswith("/"):
        return text
    if not re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]+):[0-9]{1,5}", text):
        raise ValueError("neither a path nor a host and port")
    return _with_a_port(text)


def _with_room_for_a_token(address: str) -> str:
    """A local part has at most 64 characters."""
    if len(address.partition("@")[0]) > 30:
        raise ValueError("a local part without room for a token")
    return address


def _unguessable(secret: str) -> str:
    if GUESSED_FIRST(secret):
        raise ValueError("a secret that is none")
    return secret


SETTING_TIME_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
A_PORT = "a whole number from 1 to 65535"
YES_OR_NO = "true or false"
PERCENTAGE = "a percentage from 0 (never) to 100, like 0.3"

Port = Annotated[int, Field(ge=1, le=65535)]
Span = Annotated[timedelta, BeforeValidator(span)]
Spans = Annotated[tuple[Span, ...], BeforeValidator(parts_of), Field(min_length=1, max_length=50)]
Hosts = Annotated[
    tuple[Annotated[str, StringConstraints(pattern=r"^[\w.:-]+$", to_lower=True)], ...],
    BeforeValidator(parts_of),
]
PrivateDomains = Annotated[
    tuple[Annotated[str, AfterValidator(private_domain)], ...], BeforeValidator(parts_of)
]
Addresses = Annotated[tuple[str, ...], BeforeValidator(parts_of), AfterValidator(_proxies)]
Origin = Annotated[
    str,
    BeforeValidator(lambda text: text.rstrip("/")),
    Field(pattern=r"^https?://[^/?#\s]+$"),
    AfterValidator(_with_a_port),
]
SecretKey = Annotated[str, AfterValidator(_unguessable)]
Host = Annotated[str, AfterValidator(_host)]
HostAndPort = Annotated[str, Field(pattern=r"^\S+:[0-9]{1,5}$"), AfterValidator(_with_a_port)]
Greeting = Annotated[str | None, AfterValidator(_greeting)]
BounceAddress = Annotated[str, AfterValidator(_with_room_for_a_token)]
MailboxUrl = Annotated[str, AfterValidator(_mailbox)]
Place = Annotated[str, AfterValidator(_place)]
DatabaseUrl = Annotated[
    str,
    Field(
        alias="DATABASE_URL",
        description="like sqlite:////srv/mailroom/mailroom.db or postgresql://user:password@host/mailroom",
        pattern=r"^(sqlite:///[^:]|postgres(ql)?(\+psycopg)?://)",
        repr=False,
    ),
    AfterValidator(urls.check),
]
RedisUrl = Annotated[
    str,
    Field(
        alias="REDIS_URL",
        description="like redis://:password@host:6379/0, rediss://... or unix:///path/to/socket",
        pattern=r"^(rediss?|unix)://",
        repr=False,
    ),
    AfterValidator(urls.check),
]
