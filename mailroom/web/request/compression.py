"""Compression of answers (gzip).

A page with a form holds a secret, its CSRF token, whose length beside somebody else's words would tell of it
letter by letter (BREACH). Our cookies do not come along when another site asks for a page, so nobody else's
words get there by the thousand; and every answer is longer by some random octets.
"""

from __future__ import annotations

import gzip
import io
import secrets

from flask import Flask, Response, request

WORTH_IT = 1_024
"""Octets; a shorter answer fits into one packet anyway."""

AT_MOST = 4 * 1024 * 1024
"""Octets that are held in memory for it; a longer answer is a download, or on its way already."""

LEVEL, RANDOM_OCTETS = 5, 100
COMPRESSED_TYPES = ("text/", "application/json", "application/javascript", "image/svg+xml")


def init_app(app: Flask) -> None:
    app.after_request(_compress)


def _compress(response: Response) -> Response:
    if 300 <= response.status_code < 400:  # leads elsewhere, in a few words
        return response
    if not (response.content_type or "").startswith(COMPRESSED_TYPES) or response.content_encoding:
        return response
    if "Vary" in response.headers:
        response.vary.add("Accept-Encoding")
    else:  # as a set of words it would take ten times as long
        response.headers.add("Vary", "Accept-Encoding")
    is_whole = response.status_code != 206 and (response.direct_passthrough or response.is_sequence)
    if not is_whole or not WORTH_IT <= (response.content_length or 0) <= AT_MOST:
        return response
    if not request.accept_encodings["gzip"] or request.method == "HEAD":
        return response
    response.direct_passthrough = False
    response.set_data(_compressed(response.get_data()))
    response.content_encoding = "gzip"
    # Other octets are another thing, which may not be asked for in parts (RFC 9110, 8.8.3).
    tag, _ = response.get_etag()
    if tag is not None:
        response.set_etag(tag, weak=True)
    response.headers.pop("Accept-Ranges", None)
    return response


def _compressed(data: bytes) -> bytes:
    found, name = io.BytesIO(), "x" * secrets.randbelow(RANDOM_OCTETS)
    with gzip.GzipFile(name, "wb", LEVEL, found, mtime=0) as stream:
        stream.write(data)
    return found.getvalue()
