"""What strangers write into a request's header takes no longer to read than it is long."""

from __future__ import annotations

import time

import pytest
from flask import Flask

LENGTH = 30_000
"""Octets: about what a whole head may have."""

HEADERS = (
    *("Accept", "Accept-Language", "Accept-Encoding", "Authorization", "Cache-Control", "Content-Type"),
    *("Cookie", "If-None-Match", "If-Modified-Since", "If-Range", "Origin", "Range", "Referer"),
    *("User-Agent", "X-Forwarded-For", "X-Forwarded-Proto", "X-Requested-With", "Idempotency-Key"),
)
PARTS = ("\t", ",", ";", '"', '\\"', "a=b,", "a;q=1,", "a=b; ", 'W/"a", ', "0-,", "a*0*=utf-8''%41;", "=")


@pytest.mark.parametrize("name", HEADERS)
def test_no_header_takes_long(app: Flask, name: str) -> None:
    stranger = app.test_client()
    for path in ("/sign-in", "/nowhere", "/static/nothing.css", "/unsubscribe/x"):
        for part in PARTS:
            value = f"x{part * (LENGTH // len(part))}x"
            began = time.thread_time()
            assert stranger.get(path, headers={name: value}).status_code < 500
            assert time.thread_time() - began < 0.7, (path, part)
