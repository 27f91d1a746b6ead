"""The configuration and environment of a program that only submits."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from pydantic import BaseModel, ConfigDict

from mailroom.settings.reading import LOCAL_FILE, checked, home_of, of_a_client, read_local
from mailroom.settings.values import DatabaseUrl, RedisUrl, SettingsError, parts_of, private_domain
from mailroom.settings.variables import EXPECTED_SETTINGS, OF_MAILROOM

LEDGER_NAMES = ("DATABASE_URL", "REDIS_URL")


class LedgerUrls(BaseModel):
    """Where the ledger and its queue are, for a program that only submits."""

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True)

    database_url: DatabaseUrl
    redis_url: RedisUrl


def ledger_urls(config: Mapping[str, str], environ: Mapping[str, str] = os.environ) -> LedgerUrls:
    """For a program that only submits: of its configuration, its environment, or the file of a local run.

    Both from one source: one of each would be a ledger with another's queue. DATABASE_URL and REDIS_URL
    are usually the program's own, so they are asked last.
    """
    for prefix, source in _ledger_sources(config, environ):
        urls_there = {name: url for name in LEDGER_NAMES if (url := of_a_client(f"{prefix}{name}", source))}
        if urls_there:
            return _one_ledger(prefix, urls_there)
    raise SettingsError(
        f"{OF_MAILROOM}DATABASE_URL is not set: it must be {EXPECTED_SETTINGS['DATABASE_URL']}"
    )


def _ledger_sources(
    config: Mapping[str, str], environ: Mapping[str, str]
) -> Iterator[tuple[str, Mapping[str, str]]]:
    """What the names there begin with, and where they stand."""
    yield OF_MAILROOM, config
    yield OF_MAILROOM, environ
    yield "", read_local(home_of({**environ, **config}) / LOCAL_FILE)
    yield "", config
    yield "", environ


def _one_ledger(prefix: str, values: dict[str, str]) -> LedgerUrls:
    if missing := set(LEDGER_NAMES) - values.keys():
        beside = f"{prefix}{next(iter(values))}"
        raise SettingsError(f"{prefix}{missing.pop()} is not set where {beside} is: both come from one place")
    try:
        return checked(values, LedgerUrls)
    except SettingsError as error:
        raise SettingsError(f"{prefix}{error}") from None


def private_domains_of(
    config: Mapping[str, object], environ: Mapping[str, str] = os.environ
) -> tuple[str, ...]:
    """MAILROOM_PRIVATE_DOMAINS, for a program that only submits: of its configuration or the environment."""
    name = "MAILROOM_PRIVATE_DOMAINS"
    text = str(config.get(name) or environ.get(name) or "").strip()
    try:
        return tuple(private_domain(domain) for domain in parts_of(text)) if text else ()
    except ValueError:
        raise SettingsError(f"{name} must be {EXPECTED_SETTINGS[name]}") from None
