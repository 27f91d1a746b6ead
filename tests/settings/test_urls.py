"""A URL that can be read in two ways is refused at the start, and no sentence shows its password."""

from __future__ import annotations

import pytest

from mailroom.settings import SettingsError, load

WHOLE = {
    "SECRET_KEY": "a long enough secret",
    "DATABASE_URL": "sqlite:///mailroom.db",
    "REDIS_URL": "redis://127.0.0.1/0",
    "MAIL_SERVER": "127.0.0.1",
    "MAILROOM_HOME": "/nonexistent",
}


@pytest.mark.parametrize(
    "url",
    [
        "redis://:Geheim#42@host/0",
        "redis://:6399#Geheim@10.0.0.1/0",
        "redis://:Geheim/42@host/0",
        "redis://:6399/Geheim@host/0",
        "redis://:Geheim?42@host/0",
        "redis://:Geheim@42@host/0",
        "redis://:Geheim%42%@host/0",
        "redis://:Geheim 42@host/0",
        "redis://:Geheim@host:99999/0",
        "redis://:Geheim@host:0/0",
        "redis://:Geheim@host/0#",
        "rediss://ann:Geheim#42@host/0",
        "unix:///run/redis.sock?password=Geheim@42",
    ],
)
@pytest.mark.parametrize("name", ["REDIS_URL", "DATABASE_URL"])
def test_two_readings_are_refused(name: str, url: str) -> None:
    if name == "DATABASE_URL":
        url = url.replace("rediss:", "postgresql:").replace("redis:", "postgresql:")
        if url.startswith("unix"):
            url = "postgresql:///mailroom?password=Geheim@42"
    with pytest.raises(SettingsError) as refusal:
        load(WHOLE | {name: url})
    said = str(refusal.value)
    assert said.startswith(f"{name} ") and ("percent-encode" in said or "1 to 65535" in said)
    assert "Geheim" not in said and "42" not in said


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("REDIS_URL", "redis://:Geheim%2342@host:6379/0"),
        ("REDIS_URL", "redis://ann:p%40ss%2Fword@[::1]:6379/0"),
        ("REDIS_URL", "unix:///run/redis.sock?db=3"),
        ("DATABASE_URL", "postgresql://ann:Geheim%2342@host:5432/mailroom?sslmode=require"),
        ("DATABASE_URL", "postgresql:///mailroom?host=/run/postgresql"),
        ("DATABASE_URL", "sqlite:////srv/a@b#c/mailroom.db"),
    ],
)
def test_one_reading_is_taken(name: str, url: str) -> None:
    settings = load(WHOLE | {name: url})
    assert url in (settings.redis_url, settings.database_url)
