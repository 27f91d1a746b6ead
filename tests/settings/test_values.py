"""Every setting: its default, what it takes, and the one line that a bad value gets."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from mailroom.settings import EXPECTED_SETTINGS, Settings, SettingsError, load

GOOD = {
    "SECRET_KEY": "a long enough secret",
    "DATABASE_URL": "sqlite:////srv/mailroom.db",
    "REDIS_URL": "redis://:password@127.0.0.1:6379/0",
    "MAIL_SERVER": "smtp.example.org",
}


@pytest.fixture
def good(tmp_path: Path) -> dict[str, str]:
    return GOOD | {"MAILROOM_HOME": str(tmp_path)}


def test_four_settings_are_enough(good: dict[str, str], tmp_path: Path) -> None:
    settings = load(good)
    assert (settings.port, settings.mail_port, settings.workers, settings.connections) == (8000, 25, 2, 5)
    assert settings.public_url == "http://127.0.0.1:8000"
    assert settings.home == tmp_path
    assert not settings.local and not settings.fetch_attachments
    assert [wait // timedelta(minutes=1) for wait in settings.backoff] == [1, 5, 15, 60, 240]
    assert settings.expires == timedelta(hours=48)
    assert settings.rate is settings.mail_username is settings.mail_default_sender is None


def test_private_hosts_are_a_list(good: dict[str, str]) -> None:
    settings = load(good | {"MAILROOM_WEBHOOK_HOSTS": "Hooks.internal, 10.0.0.7"})
    assert settings.webhook_hosts == ("hooks.internal", "10.0.0.7")


def test_private_domains_are_a_list(good: dict[str, str]) -> None:
    settings = load(good | {"MAILROOM_PRIVATE_DOMAINS": "LocalHost, corp,home.arpa,*.local"})
    assert settings.private_domains == ("localhost", "corp", "home.arpa", "*.local")
    assert load(good).private_domains == ()


def test_a_certificate_and_its_key_belong_together(good: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="belong together"):
        load(good | {"MAILROOM_SUBMISSION_CERT": "/etc/mail.pem"})


def test_lmtp_needs_an_address_whose_mail_it_takes(good: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="MAILROOM_BOUNCE_ADDRESS is not"):
        load(good | {"MAILROOM_LMTP": "/run/mailroom/lmtp.sock"})
    both = {"MAILROOM_LMTP": "/run/mailroom/lmtp.sock", "MAILROOM_BOUNCE_ADDRESS": "bounces@a.example"}
    assert load(good | both).lmtp == "/run/mailroom/lmtp.sock"


def test_a_mailbox_needs_one_way_to_sign_in(good: dict[str, str]) -> None:
    mailbox = good | {"MAILROOM_BOUNCE_MAILBOX": "imaps://b@h.example/INBOX"}
    for ways in ({}, {"MAILROOM_BOUNCE_PASSWORD": "p", "MAILROOM_BOUNCE_TOKEN_COMMAND": "c"}):
        with pytest.raises(SettingsError, match="set one of them"):
            load(mailbox | ways)
    settings = load(mailbox | {"MAILROOM_BOUNCE_PASSWORD": "long secret"})
    assert "long secret" in settings.secrets and "long secret" not in repr(settings)


@pytest.mark.parametrize("name", GOOD)
def test_it_names_the_one_that_is_missing(good: dict[str, str], name: str) -> None:
    del good[name]
    with pytest.raises(SettingsError, match=f"^{name} is not set"):
        load(good)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "abc"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("MAILROOM_SUBMISSION_PORT", "smtp"),
        ("MAILROOM_WEBHOOK_HOSTS", "https://hooks.internal/"),
        *(
            ("MAILROOM_PRIVATE_DOMAINS", bad)
            for bad in ("*", "*local", ".local", "a b", "@corp", "10.0.0.1", "a,,b")
        ),
        ("MAILROOM_WEBHOOK_HOSTS", "a.internal b.internal"),
        ("SECRET_KEY", "short"),
        ("DATABASE_URL", "mysql://host/mailroom"),
        ("DATABASE_URL", "mailroom.db"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("REDIS_URL", "localhost:6379"),
        ("MAIL_SERVER", "smtp.example.org:587"),
        ("MAIL_SERVER", "smtp://smtp.example.org"),
        ("MAIL_PORT", "smtp"),
        ("MAIL_USE_TLS", "perhaps"),
        ("MAIL_USE_SSL", "2"),
        ("MAIL_DEFAULT_SENDER", "a@example.org\r\nBcc: b@example.org"),
        ("MAILROOM_TIMEOUT", "0"),
        ("MAILROOM_TIMEOUT", "nan"),
        ("MAILROOM_WORKERS", "0"),
        ("MAILROOM_WORKERS", "two"),
        ("MAILROOM_CONNECTIONS", "-1"),
        ("MAILROOM_RATE", "30"),
        ("MAILROOM_RATE", "0/minute"),
        ("MAILROOM_RATE", "30/week"),
        ("MAILROOM_BACKOFF", "1m,,5m"),
        ("MAILROOM_BACKOFF", "1 minute"),
        ("MAILROOM_BACKOFF", "0s"),
        ("MAILROOM_EXPIRES", "48"),
        ("MAILROOM_EXPIRES", "PT48H"),
        ("MAILROOM_EVIDENCE_WAIT", "15"),
        ("MAILROOM_PUBLIC_URL", "mail.example.org"),
        ("MAILROOM_PUBLIC_URL", "https://mail.example.org/path"),
        ("MAILROOM_PUBLIC_URL", "https://mail.example.org:port"),
        ("FORWARDED_ALLOW_IPS", "proxy.internal"),
        ("FORWARDED_ALLOW_IPS", "10.0.0.7/8"),
        ("FORWARDED_ALLOW_IPS", "10.0.0.0/33"),
        ("FORWARDED_ALLOW_IPS", "127.0.0.1 10.0.0.7"),
        ("FORWARDED_ALLOW_IPS", "127.0.0.1,,10.0.0.7"),
        ("FORWARDED_ALLOW_IPS", "[::1]"),
        ("FORWARDED_ALLOW_IPS", "10.0.*"),
        ("MAILROOM_LOCAL", "here"),
        ("MAILROOM_FETCH_ATTACHMENTS", "https"),
        ("MAILROOM_SLOW_SERVER", "127.0.0.1"),
        *(
            ("MAILROOM_BOUNCE_MAILBOX", bad)
            for bad in (
                "imap.example.org",
                "pop3://b@h.example/",
                "imaps://h.example/INBOX",
                "imaps://b:secret@h.example/INBOX",
                "imaps://b@h.example:0/INBOX",
            )
        ),
        *(("MAILROOM_BOUNCE_TAKEN", bad) for bad in ("keep", "move:")),
        *(("MAILROOM_LMTP", bad) for bad in ("lmtp.sock", "localhost", "127.0.0.1:0", "http://a:24")),
        *(
            ("MAILROOM_BOUNCE_ADDRESS", bad)
            for bad in (
                "bounces",
                "b+x@a.example",
                "a..b@a.example",
                "B <b@a.example>",
                f"{'b' * 31}@a.example",
            )
        ),
        ("MAILROOM_SLOW_SERVER", "127.0.0.1:99999"),
    ],
)
def test_a_bad_value_is_one_line_that_says_what_to_do(good: dict[str, str], name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(good | {name: value})
    message = str(caught.value)
    assert message.startswith(f"{name} must be {EXPECTED_SETTINGS[name]}")
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "REDIS_URL"])
def test_a_bad_secret_is_not_shown(good: dict[str, str], name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(good | {name: "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_secrets_are_not_in_the_settings_own_words(good: dict[str, str]) -> None:
    settings = load(good | {"MAIL_USERNAME": "ann", "MAIL_PASSWORD": "hunter2"})
    assert "hunter2" not in repr(settings)
    assert "password" not in repr(settings)
    assert "a long enough secret" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("PORT", " 8123 ", "port", 8123),
        ("MAIL_SERVER", "::1", "mail_server", "::1"),
        ("MAIL_USE_TLS", "1", "mail_use_tls", True),
        ("MAIL_USE_TLS", "True", "mail_use_tls", True),
        ("MAIL_USE_SSL", "no", "mail_use_ssl", False),
        ("MAILROOM_FETCH_ATTACHMENTS", "true", "fetch_attachments", True),
        ("MAILROOM_TIMEOUT", "2.5", "mail_timeout", 2.5),
        ("MAILROOM_RATE", "5000/second", "rate", "5000/second"),
        ("MAILROOM_BACKOFF", "30s, 2m", "backoff", (timedelta(seconds=30), timedelta(minutes=2))),
        ("MAILROOM_EXPIRES", "2d", "expires", timedelta(days=2)),
        ("MAILROOM_EVIDENCE_WAIT", "90s", "evidence_wait", timedelta(seconds=90)),
        ("MAILROOM_PUBLIC_URL", "https://mail.example.org/", "public_url", "https://mail.example.org"),
        ("FORWARDED_ALLOW_IPS", " *", "forwarded_allow_ips", ("*",)),
        ("FORWARDED_ALLOW_IPS", "::1, 10.0.0.0/8", "forwarded_allow_ips", ("::1", "10.0.0.0/8")),
        ("FORWARDED_ALLOW_IPS", "", "forwarded_allow_ips", ("127.0.0.1", "::1")),
        ("DATABASE_URL", "postgres://u@h/d", "database_url", "postgres://u@h/d"),
        ("REDIS_URL", "unix:///run/valkey.sock", "redis_url", "unix:///run/valkey.sock"),
        ("MAILROOM_RATE", "", "rate", None),
    ],
)
def test_it_takes(good: dict[str, str], name: str, value: str, field: str, expected: object) -> None:
    assert getattr(load(good | {name: value}), field) == expected


def test_the_public_url_follows_the_port(good: dict[str, str]) -> None:
    assert load(good | {"PORT": "8123"}).public_url == "http://127.0.0.1:8123"


def test_starttls_and_tls_exclude_each_other(good: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="^MAIL_USE_TLS and MAIL_USE_SSL are both on"):
        load(good | {"MAIL_USE_TLS": "true", "MAIL_USE_SSL": "true"})


def test_a_user_name_needs_a_password(good: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="^MAIL_PASSWORD is not set"):
        load(good | {"MAIL_USERNAME": "ann"})
    with pytest.raises(SettingsError, match="^MAIL_USERNAME is not set"):
        load(good | {"MAIL_PASSWORD": "hunter2"})


def test_every_field_has_its_variable_and_says_what_it_takes() -> None:
    fields = Settings.model_fields
    assert [name for name, field in fields.items() if not (field.alias and field.description)] == []
    assert list(EXPECTED_SETTINGS) == [field.alias for field in fields.values()]


def test_of_several_bad_values_the_first_is_named(good: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="^PORT must be"):
        load(good | {"PORT": "0", "MAILROOM_WORKERS": "0", "MAILROOM_PUBLIC_URL": "nowhere"})


def test_what_the_local_file_says_beside_the_settings_is_ignored(
    good: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "local.env").write_text("MAILROOM_FUTURE=1\n")
    assert load(good).home == tmp_path
