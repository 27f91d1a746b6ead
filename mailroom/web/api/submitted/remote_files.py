"""Attachments by address instead of content: refused, unless the settings let us fetch them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import unquote, urlsplit

from flask import Flask, current_app, g, has_app_context

from mailroom.content.message.mime import CONTENT_TYPE
from mailroom.http.answer import NoAnswer
from mailroom.http.guard import Forbidden, Guard
from mailroom.settings import Settings

EXTENSION = "mailroom.fetch_attachment"
"""Where the `Fetch` stands that an application uses."""

REFUSED = "`path` is off here: send the file itself, in Base64, as `content`."

LARGEST_REMOTE_FILE = 40 * 1024 * 1024
"""Octets of all files that one request names; a batch may name thousands."""

REMOTE_FILES_PATIENCE_SECONDS = 20.0
"""Seconds for all files that one request names: it keeps a thread waiting."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """`content_type` is empty where the other side did not know it."""

    name: str
    content: bytes
    content_type: str


Fetch = Callable[[str], RemoteFile]
"""Takes an address and returns the file, or raises ValueError."""


def init_app(app: Flask, settings: Settings) -> None:
    if settings.fetch_attachments:
        guard = Guard(settings.webhook_hosts)
        app.extensions[EXTENSION] = lambda url: _fetch(url, guard)


def fetcher() -> Fetch | None:
    """What fetches a file for us; None: nothing may, which is the default."""
    return current_app.extensions.get(EXTENSION) if has_app_context() else None


@dataclass
class _Allowance:
    """What is left for the request that is being answered, and what it has got already."""

    until: float = field(default_factory=lambda: time.monotonic() + REMOTE_FILES_PATIENCE_SECONDS)
    octets: int = field(default_factory=lambda: LARGEST_REMOTE_FILE)
    files: dict[str, RemoteFile] = field(default_factory=dict)


def _fetch(url: str, guard: Guard) -> RemoteFile:
    allowance = cast(_Allowance, g.setdefault("files_to_fetch", _Allowance()))
    if url not in allowance.files:
        allowance.files[url] = _fetch_now(url, guard, allowance)
    file = allowance.files[url]
    if len(file.content) > allowance.octets:  # fetched once, but kept with every email
        raise ValueError(f"the files of one request may have {LARGEST_REMOTE_FILE:,} octets together.")
    allowance.octets -= len(file.content)
    return file


def _fetch_now(url: str, guard: Guard, allowance: _Allowance) -> RemoteFile:
    from mailroom.http.client import fetch  # takes megabytes, and is off by default

    left = allowance.until - time.monotonic()
    if left <= 0:
        raise ValueError(
            f"the files of one request must arrive within {REMOTE_FILES_PATIENCE_SECONDS:.0f} s together."
        )
    try:
        answer = fetch(url, guard, allowance.octets, left, {"User-Agent": "Mailroom"})
    except Forbidden as error:
        raise ValueError(f"`path`: {error}") from None
    except NoAnswer as error:
        raise ValueError(f"{url[:200]} cannot be fetched: {error}.") from None
    if answer.status != 200:
        follow = " Redirects are not followed." if 300 <= answer.status < 400 else ""
        raise ValueError(f"{url[:200]} cannot be fetched: it answered {answer.status}.{follow}")
    return RemoteFile(_name(url), answer.body, _content_type(answer.content_type))


def _name(url: str) -> str:
    path = unquote(urlsplit(url).path, errors="replace")
    return path.rstrip("/").rpartition("/")[2][-255:] or "file"


def _content_type(header: str) -> str:
    """What it says of the file, unless that is nothing, or nonsense."""
    bare = header.partition(";")[0].strip()
    if bare.lower() == "application/octet-stream":
        return ""
    return next((kind for kind in (header.strip(), bare) if CONTENT_TYPE(kind)), "")
