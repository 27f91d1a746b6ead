"""Transport into Mailroom from an application: over the API, or into the same ledger."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from flask import Flask

from mailroom import settings
from mailroom.content.whole.original import HandedIn
from mailroom.flask.errors import NotSetUp
from mailroom.flask.over_http import OverHttp

if TYPE_CHECKING:
    from mailroom.flask.same_ledger import Parts

MAIL_EXTENSION = "mailroom.flask"

HOW = (
    "Say where your Mailroom is, in app.config or the environment: "
    "MAILROOM_API_URL and MAILROOM_API_KEY to reach it over its API, "
    "or MAILROOM_DATABASE_URL and MAILROOM_REDIS_URL to share its ledger."
)

_opening = threading.Lock()


class Transport(Protocol):
    """Takes messages for as long as a connection lasts."""

    def send(self, handed: HandedIn) -> None: ...

    def quit(self) -> None: ...


def transport_of(app: Flask) -> Transport:
    """What `app` says, read when it first sends. Raises NotSetUp."""
    api_url = app.config.get("MAILROOM_API_URL") or settings.of_a_client("MAILROOM_API_URL")
    if api_url:
        return OverHttp(str(api_url), str(_key(app.config)))
    # Here, so that the API is reached without a driver of databases or of Redis.
    from mailroom.flask.same_ledger import SameLedger

    return SameLedger(_parts(app))


def _key(config: Mapping[str, object]) -> object:
    key = config.get("MAILROOM_API_KEY") or settings.of_a_client("MAILROOM_API_KEY")
    if not key:
        raise NotSetUp(
            "MAILROOM_API_URL is set, but MAILROOM_API_KEY is not: make one with `flask keys add NAME`."
        )
    return key


def _parts(app: Flask) -> Parts:
    """The ledger and queue of this process: a fork must not share its parent's connections."""
    from mailroom.flask.same_ledger import opened

    kept: dict[int, Parts] = app.extensions.setdefault(MAIL_EXTENSION, {})
    with _opening:
        if os.getpid() not in kept:
            kept.clear()
            kept[os.getpid()] = opened(_urls(app.config))
        return kept[os.getpid()]


def _urls(config: Mapping[str, object]) -> settings.LedgerUrls:
    try:
        return settings.ledger_urls({name: value for name, value in config.items() if isinstance(value, str)})
    except settings.SettingsError as error:
        raise NotSetUp(f"{error}. {HOW}") from None
