"""HTTP transport, over the API: for an application on another machine. The standard library's client."""

from __future__ import annotations

import json
import time
import uuid
from base64 import b64encode
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from mailroom.content.whole.original import MESSAGE_PIECE, HandedIn
from mailroom.flask.errors import Away, NotSetUp, Refused

TIMEOUT = 10.0
RETRY_WAITS = (0.1, 0.5, 2.0)
"""Seconds before each further try. All carry one Idempotency-Key: none mails twice."""

LONGEST_RETRY_AFTER_SECONDS = 5.0
LARGEST_ANSWER = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ApiReply:
    status: int
    body: bytes
    retry_after: float | None


class OverHttp:
    """One connection to the API, kept for as long as the server keeps it."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise NotSetUp(f"MAILROOM_API_URL must be like https://mail.example.org/api/v1, not {url!r}.")
        self._parts = parts
        self._path = f"{parts.path.rstrip('/')}/emails/raw"
        self._key = key
        self._connection: HTTPConnection | None = None

    def send(self, handed: HandedIn) -> None:
        body = json.dumps(body_of(handed)).encode()
        headers = {
            "Authorization": f"Bearer {self._key}",
            "Content-Type": "application/json",
            "Idempotency-Key": str(uuid.uuid4()),
            "User-Agent": "mailroom-flask",
        }
        trouble = ""
        for wait in (*RETRY_WAITS, None):
            answer, trouble = self._try(body, headers)
            if answer is not None and not _is_passing(answer):
                return _judge(answer)
            if answer is not None:
                trouble = _words(answer)
            if wait is not None:
                time.sleep(min(max(wait, (answer and answer.retry_after) or 0), LONGEST_RETRY_AFTER_SECONDS))
        raise Away(f"Mailroom's API at {self._parts.netloc} did not accept the mail: {trouble}")

    def quit(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _try(self, body: bytes, headers: dict[str, str]) -> tuple[ApiReply | None, str]:
        try:
            if self._connection is None:
                kind = HTTPSConnection if self._parts.scheme == "https" else HTTPConnection
                self._connection = kind(str(self._parts.hostname), self._parts.port, timeout=TIMEOUT)
            self._connection.request("POST", self._path, body, headers)
            response = self._connection.getresponse()
            answer = ApiReply(
                response.status, response.read(LARGEST_ANSWER), _seconds(response.getheader("Retry-After"))
            )
        except (OSError, HTTPException) as error:
            self.quit()
            return None, str(error) or type(error).__name__
        return answer, ""


def body_of(handed: HandedIn) -> dict[str, Any]:
    """The JSON of `POST /emails/raw`."""
    return {
        "from": handed.sender,
        "recipients": list(handed.recipients),
        "message": b64encode(b"".join(handed.slices(MESSAGE_PIECE))).decode("ascii"),
    }


def _is_passing(answer: ApiReply) -> bool:
    """Worth another try: the server is away or busy, or still at our first try."""
    if answer.status == 409:
        return b"concurrent_idempotent_requests" in answer.body
    return answer.status == 429 or answer.status >= 500


def _judge(answer: ApiReply) -> None:
    if answer.status < 300:
        return
    if answer.status in (401, 403) and b"_api_key" in answer.body:
        raise NotSetUp(f"Mailroom's API refused the key (MAILROOM_API_KEY): {_words(answer)}")
    if answer.status in (404, 405) or 300 <= answer.status < 400:
        where = "MAILROOM_API_URL leads nowhere (it ends in /api/v1), or to an older Mailroom"
        raise NotSetUp(f"{where}: {_words(answer)}")
    raise Refused([("", _words(answer))])


def _words(answer: ApiReply) -> str:
    try:
        message = json.loads(answer.body)["message"]
    except (ValueError, KeyError, TypeError):
        message = ""
    return str(message or f"status {answer.status}")


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isascii() and text.isdigit() else None
