"""A form without files is read as werkzeug reads it, in memory that is a few times its length."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug import Request as UsualRequest
from werkzeug.test import EnvironBuilder

from mailroom.web.request.form_files import MOST_FORM_FIELDS, FormRequest

FORM = "application/x-www-form-urlencoded"


def environ(body: bytes) -> dict[str, object]:
    return EnvironBuilder(method="POST", data=body, content_type=FORM).get_environ()


@pytest.mark.parametrize(
    "body",
    [
        urlencode({"a": "Köln & +1 = 50%\r\n", "b": "", "é": "ю"}).encode(),
        b"a=1&a=2&&b&=c&d==&+=+",
        b"%=%&%zz=%4&a%3Db=%26%C3%B6%c3%B6%E4%",
        "ö=é%C3%A9".encode(),
        b"a=\xe4",
        *(b"a=" + b"x" * number + b"%41%C3%B6%" for number in range((1 << 14) - 12, 1 << 14)),
        b"",
    ],
    ids=lambda body: f"{len(body)} octets",
)
def test_it_is_what_werkzeug_reads(body: bytes) -> None:
    ours, usual = FormRequest(environ(body)).form, UsualRequest(environ(body)).form
    assert list(ours.items(multi=True)) == list(usual.items(multi=True))


@pytest.mark.parametrize("part", [b"%", b"%41", b"%E4", b"+"])
def test_its_escapes_take_no_memory_of_their_own(part: bytes) -> None:
    """4 MB of percent signs took 700 MB."""
    body = b"a=" + part * (300_000 // len(part))
    request = FormRequest(environ(body))
    request.max_form_memory_size = len(body)
    tracemalloc.start()
    form = request.form
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(form) == 1 and peak < 20 * len(body)


def test_it_has_so_many_fields(client: FlaskClient, app: Flask, csrf: Callable[[FlaskClient], str]) -> None:
    many = f"csrf_token={csrf(client)}{'&zone=UTC' * MOST_FORM_FIELDS}"
    answer = client.post("/settings/zone", data=many, content_type=FORM)
    assert answer.status_code == 413 and "too many parts" in answer.text
