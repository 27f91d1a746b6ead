"""Every variable: its name, what it takes, and its default."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mailroom import urls
from mailroom.proxies import LOOPBACK
from mailroom.settings.values import (
    A_PORT,
    PERCENTAGE,
    YES_OR_NO,
    Addresses,
    BounceAddress,
    DatabaseUrl,
    Greeting,
    Host,
    HostAndPort,
    Hosts,
    MailboxUrl,
    Origin,
    Place,
    Port,
    PrivateDomains,
    RedisUrl,
    SecretKey,
    SettingsError,
    Span,
    Spans,
)

OF_MAILROOM = "MAILROOM_"
"""Begins the names of what is Mailroom's in somebody else's process."""

HOME = Path("instance")


class Settings(BaseModel):
    """What the environment says: of each variable its name, what it takes, in words too, and its default.

    `repr=False` marks a secret: it may come as NAME_FILE, and is never shown in a message.
    """

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True)

    port: Annotated[Port, Field(alias="PORT", description=A_PORT)] = 8000
    secret_key: Annotated[
        SecretKey,
        Field(
            alias="SECRET_KEY",
            description="at least 8 random characters (make some: openssl rand -base64 36)",
            min_length=8,
            repr=False,
        ),
    ]
    database_url: DatabaseUrl
    redis_url: RedisUrl
    mail_server: Annotated[
        Host,
        Field(
            alias="MAIL_SERVER",
            description="a host's name or address, like smtp.example.org (its port goes into MAIL_PORT)",
        ),
    ]
    mail_port: Annotated[Port, Field(alias="MAIL_PORT", description=A_PORT)] = 25
    mail_use_tls: Annotated[bool, Field(alias="MAIL_USE_TLS", description=YES_OR_NO)] = False
    mail_use_ssl: Annotated[bool, Field(alias="MAIL_USE_SSL", description=YES_OR_NO)] = False
    mail_username: Annotated[
        str | None, Field(alias="MAIL_USERNAME", description="the mail server's login", repr=False)
    ] = None
    mail_password: Annotated[
        str | None, Field(alias="MAIL_PASSWORD", description="the mail server's password", repr=False)
    ] = None
    mail_default_sender: Annotated[
        str | None,
        Field(
            alias="MAIL_DEFAULT_SENDER",
            description="one address on one line, like Ann Lee <ann@example.org>",
            pattern=r'^([^\r\n]*<("[^\r\n<>]+"|[^\s<>@]+)@[^\s<>@]+>|("[^\r\n<>]+"|[^\s<>@]+)@[^\s<>@]+)$',
        ),
    ] = None
    mail_max_emails: Annotated[
        int | None,
        Field(alias="MAIL_MAX_EMAILS", description="a whole number from 1 to 1000000", ge=1, le=1_000_000),
    ] = None
    helo: Annotated[
        Greeting,
        Field(
            alias="MAILROOM_HELO",
            description="a full name like mailroom.example.org, or an address like [192.0.2.1]",
        ),
    ] = None
    mail_timeout: Annotated[
        float,
        Field(alias="MAILROOM_TIMEOUT", description="seconds, more than 0 and at most 3600", gt=0, le=3600),
    ] = 60
    home: Annotated[Path, Field(alias="MAILROOM_HOME", description="the path of a folder")] = HOME
    workers: Annotated[
        int, Field(alias="MAILROOM_WORKERS", description="a whole number from 1 to 256", ge=1, le=256)
    ] = 2
    connections: Annotated[
        int, Field(alias="MAILROOM_CONNECTIONS", description="a whole number from 1 to 500", ge=1, le=500)
    ] = 5
    rate: Annotated[
        str | None,
        Field(
            alias="MAILROOM_RATE",
            description="like 30/minute (second, minute, hour or day)",
            pattern=r"^[1-9][0-9]{0,8}/(second|minute|hour|day)$",
        ),
    ] = None
    backoff: Annotated[
        Spans,
        Field(
            alias="MAILROOM_BACKOFF",
            description="like 1m,5m,15m,1h,4h: the waits between tries (s, m, h or d), the last one repeated",
        ),
    ] = tuple(timedelta(minutes=wait) for wait in (1, 5, 15, 60, 240))
    expires: Annotated[Span, Field(alias="MAILROOM_EXPIRES", description="like 48h (s, m, h or d)")] = (
        timedelta(hours=48)
    )
    evidence_wait: Annotated[
        Span, Field(alias="MAILROOM_EVIDENCE_WAIT", description="like 15m (s, m, h or d)")
    ] = timedelta(minutes=15)
    public_url: Annotated[
        Origin,
        Field(
            alias="MAILROOM_PUBLIC_URL",
            description="like https://mail.example.org, without a path",
            default_factory=lambda before: f"http://127.0.0.1:{before['port']}",
        ),
    ]
    unsubscribe_url: Annotated[
        Origin | None,
        Field(
            alias="MAILROOM_UNSUBSCRIBE_URL",
            description="like https://news.example.org, without a path: where unsubscribe links lead",
        ),
    ] = None
    bounce_address: Annotated[
        BounceAddress | None,
        Field(
            alias="MAILROOM_BOUNCE_ADDRESS",
            description="one address, like bounces@example.org, with at most 30 characters before the @ and "
            "no +, whose mail is read",
            pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$",
            max_length=200,
        ),
    ] = None
    suppress_after: Annotated[
        int,
        Field(
            alias="MAILROOM_SUPPRESS_AFTER",
            description="a whole number from 1 to 100: bounces after which an address is suppressed",
            ge=1,
            le=100,
        ),
    ] = 3
    bounces_pause_at: Annotated[
        float,
        Field(alias="MAILROOM_BOUNCES_PAUSE_AT", description=PERCENTAGE, ge=0, le=100, allow_inf_nan=False),
    ] = 10
    complaints_pause_at: Annotated[
        float,
        Field(
            alias="MAILROOM_COMPLAINTS_PAUSE_AT", description=PERCENTAGE, ge=0, le=100, allow_inf_nan=False
        ),
    ] = 0.3
    failures_pause_at: Annotated[
        float,
        Field(alias="MAILROOM_FAILURES_PAUSE_AT", description=PERCENTAGE, ge=0, le=100, allow_inf_nan=False),
    ] = 30
    largest_list: Annotated[
        int,
        Field(
            alias="MAILROOM_LARGEST_LIST",
            description="megabytes, a whole number from 1 to 1000",
            ge=1,
            le=1_000,
        ),
    ] = 256
    forwarded_allow_ips: Annotated[
        Addresses,
        Field(
            alias="FORWARDED_ALLOW_IPS",
            description="addresses and networks of proxies, like 127.0.0.1,10.0.0.0/8, or *",
        ),
    ] = LOOPBACK
    local: Annotated[bool, Field(alias="MAILROOM_LOCAL", description=YES_OR_NO)] = False
    database_connections: Annotated[
        int,
        Field(
            alias="MAILROOM_DATABASE_CONNECTIONS", description="a whole number from 2 to 100", ge=2, le=100
        ),
    ] = 16
    slow_server: Annotated[
        HostAndPort | None,
        Field(alias="MAILROOM_SLOW_SERVER", description="like 127.0.0.1:1026"),
    ] = None
    submission_port: Annotated[Port, Field(alias="MAILROOM_SUBMISSION_PORT", description=A_PORT)] = 2525
    submission_cert: Annotated[
        Path | None,
        Field(alias="MAILROOM_SUBMISSION_CERT", description="the path of a certificate chain (PEM)"),
    ] = None
    submission_key: Annotated[
        Path | None,
        Field(alias="MAILROOM_SUBMISSION_KEY", description="the path of the certificate's private key (PEM)"),
    ] = None
    lmtp: Annotated[
        Place | None,
        Field(
            alias="MAILROOM_LMTP",
            description="a path like /run/mailroom/lmtp.sock, or a host and port like 127.0.0.1:2424",
        ),
    ] = None
    bounce_mailbox: Annotated[
        MailboxUrl | None,
        Field(
            alias="MAILROOM_BOUNCE_MAILBOX",
            description="like imaps://bounces%40example.org@imap.example.org/INBOX, without a password",
        ),
    ] = None
    bounce_password: Annotated[
        str | None,
        Field(alias="MAILROOM_BOUNCE_PASSWORD", description="the mailbox's password", repr=False),
    ] = None
    bounce_token_command: Annotated[
        str | None,
        Field(
            alias="MAILROOM_BOUNCE_TOKEN_COMMAND", description="a command that prints an OAuth2 access token"
        ),
    ] = None
    bounce_taken: Annotated[
        str,
        Field(
            alias="MAILROOM_BOUNCE_TAKEN",
            description="seen, delete, or move:FOLDER",
            pattern=r"^(seen|delete|move:[^\x00-\x1f]{1,200})$",
        ),
    ] = "seen"
    webhook_hosts: Annotated[
        Hosts,
        Field(
            alias="MAILROOM_WEBHOOK_HOSTS",
            description="hosts separated by commas, like hooks.internal,10.0.0.7",
        ),
    ] = ()
    private_domains: Annotated[
        PrivateDomains,
        Field(
            alias="MAILROOM_PRIVATE_DOMAINS",
            description="domains separated by commas, like localhost,corp,home.arpa,*.local",
        ),
    ] = ()
    resolver: Annotated[
        str | None,
        Field(
            alias="MAILROOM_RESOLVER",
            description="a name server's address, like 192.0.2.53 or 192.0.2.53:5353, or none",
            pattern=r"^(none|[0-9.]{7,15}(:[0-9]{1,5})?|[0-9a-fA-F:]+|\[[0-9a-fA-F:]+\](:[0-9]{1,5})?)$",
        ),
    ] = None
    log: Annotated[Literal["text", "json"], Field(alias="MAILROOM_LOG", description="text or json")] = "text"
    hold: Annotated[bool, Field(alias="MAILROOM_HOLD", description=YES_OR_NO)] = False
    fetch_attachments: Annotated[bool, Field(alias="MAILROOM_FETCH_ATTACHMENTS", description=YES_OR_NO)] = (
        False
    )

    @property
    def secrets(self) -> set[str]:
        """What must be in no line of a log."""
        # A login that is a plain word would be blotted out of sentences that only use that word.
        login = None if (self.mail_username or "").isalpha() else self.mail_username
        handed_in = f"\0{self.mail_username}\0{self.mail_password}"  # in base64, of AUTH PLAIN
        own = {self.secret_key, login, self.mail_password, handed_in if self.mail_password else None}
        own = (own | {self.bounce_password}) - {None}
        return (
            {secret for secret in own if secret}
            | urls.secrets_of(self.database_url)
            | urls.secrets_of(self.redis_url)
        )

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        """Raises SettingsError, which pydantic lets through, in its own words."""
        if self.mail_use_tls and self.mail_use_ssl:
            raise SettingsError(
                "MAIL_USE_TLS and MAIL_USE_SSL are both on: keep MAIL_USE_TLS for STARTTLS (port 587), "
                "or MAIL_USE_SSL for TLS from the start (port 465)"
            )
        if bool(self.mail_username) != bool(self.mail_password):
            missing, present = ("PASSWORD", "USERNAME") if self.mail_username else ("USERNAME", "PASSWORD")
            raise SettingsError(f"MAIL_{missing} is not set, but MAIL_{present} is: set both or neither")
        if self.bounce_mailbox and bool(self.bounce_password) == bool(self.bounce_token_command):
            raise SettingsError(
                "MAILROOM_BOUNCE_MAILBOX needs MAILROOM_BOUNCE_PASSWORD or MAILROOM_BOUNCE_TOKEN_COMMAND: "
                "set one of them"
            )
        if self.lmtp and not self.bounce_address:
            raise SettingsError(
                "MAILROOM_LMTP is set, but MAILROOM_BOUNCE_ADDRESS is not: only mail to that is taken by LMTP"
            )
        if (self.submission_cert is None) != (self.submission_key is None):
            raise SettingsError(
                "MAILROOM_SUBMISSION_CERT and MAILROOM_SUBMISSION_KEY belong together: set both or neither"
            )
        return self


SETTINGS_FIELDS = {str(field.alias): field for field in Settings.model_fields.values()}
EXPECTED_SETTINGS = {name: field.description for name, field in SETTINGS_FIELDS.items()}
REQUIRED = [name for name, field in SETTINGS_FIELDS.items() if field.is_required()]
FILED = [name for name, field in SETTINGS_FIELDS.items() if not field.repr]
