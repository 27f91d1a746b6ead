"""Answers are compressed where the browser takes it, and are the same when they are unpacked."""

from __future__ import annotations

import gzip

import pytest
from flask.testing import FlaskClient

TAKES_IT = {"Accept-Encoding": "gzip, br"}


@pytest.mark.parametrize("path", ["/", "/static/css/components.css", "/static/js/recipients.js", "/api/docs"])
def test_the_octets_are_the_same_and_fewer(client: FlaskClient, path: str) -> None:
    plain, packed = client.get(path), client.get(path, headers=TAKES_IT)
    assert "Content-Encoding" not in plain.headers and packed.headers["Content-Encoding"] == "gzip"
    assert plain.headers["Vary"] == packed.headers["Vary"] and "Accept-Encoding" in packed.headers["Vary"]
    unpacked = gzip.decompress(packed.data)
    if path.startswith("/static"):
        assert unpacked == plain.data
    assert abs(len(unpacked) - len(plain.data)) < 100
    assert len(packed.data) == int(packed.headers["Content-Length"]) < len(plain.data) * 0.6


def test_the_length_of_a_page_tells_nothing(client: FlaskClient) -> None:
    assert len({len(client.get("/keys", headers=TAKES_IT).data) for _ in range(20)}) > 5


def test_what_is_small_or_no_text_or_not_wanted_stays(client: FlaskClient) -> None:
    for path, headers in (
        ("/healthz", TAKES_IT),
        ("/static/vendor/plex/ibm-plex-sans-latin-wght-normal.woff2", TAKES_IT),
        ("/", {"Accept-Encoding": "gzip;q=0"}),
        ("/", {"Accept-Encoding": "identity"}),
    ):
        assert "Content-Encoding" not in client.get(path, headers=headers).headers


def test_a_browser_that_has_it_is_told_so(client: FlaskClient) -> None:
    first = client.get("/static/css/base.css", headers=TAKES_IT)
    again = client.get("/static/css/base.css", headers={**TAKES_IT, "If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304 and again.data == b""
