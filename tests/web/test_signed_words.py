"""Cookies and form tokens: what itsdangerous signs and Mailroom reads is the same, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from flask.testing import FlaskClient
from itsdangerous import BadSignature, SignatureExpired, TimestampSigner, URLSafeTimedSerializer

from mailroom.web.request.security import TOKEN_LIFETIME
from mailroom.web.request.signing import SignedWords

KEY, SALT, WORDS = "a key for tests only", "of this test", {"who": "ann", "since": [1, 2]}
DERIVATIONS = ("django-concat", "hmac")


@pytest.mark.parametrize("derivation", DERIVATIONS)
def test_they_are_read_and_written_as_ever(derivation: str) -> None:
    options = {"key_derivation": derivation}
    theirs, ours = (made(KEY, SALT, signer_kwargs=options) for made in (URLSafeTimedSerializer, SignedWords))
    assert ours.loads(theirs.dumps(WORDS)) == theirs.loads(ours.dumps(WORDS)) == WORDS
    assert ours.loads(ours.dumps(WORDS)) == WORDS, "a second time, with what was kept of the first"


@pytest.mark.parametrize("derivation", DERIVATIONS)
def test_whatever_is_changed_in_them_is_refused(derivation: str) -> None:
    ours = SignedWords(KEY, SALT, signer_kwargs={"key_derivation": derivation})
    signed = ours.dumps(WORDS)
    for place, character in enumerate(signed[:-1]):  # two bits of the last one mean nothing
        other = "A" if character != "A" else "B"
        with pytest.raises(BadSignature):
            ours.loads(signed[:place] + other + signed[place + 1 :])
    for foreign in (SignedWords("another key", SALT), SignedWords(KEY, "of something else")):
        with pytest.raises(BadSignature):
            ours.loads(foreign.dumps(WORDS))
    with pytest.raises(BadSignature):
        ours.loads(ours.dumps(WORDS, salt="of something else"))


def test_they_grow_old(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = SignedWords(KEY, SALT)
    signed, now = ours.dumps(WORDS), TimestampSigner(KEY).get_timestamp()
    assert ours.loads(signed, max_age=10) == WORDS
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: now + 11)
    with pytest.raises(SignatureExpired):
        ours.loads(signed, max_age=10)


def test_who_was_signed_in_by_a_cookie_of_flask_s_stays_so(app: Flask, client: FlaskClient) -> None:
    name = app.config["SESSION_COOKIE_NAME"]
    theirs = SecureCookieSessionInterface().get_signing_serializer(app)
    assert theirs is not None
    with client.session_transaction() as session:
        kept = dict(session)
    client.set_cookie(name, theirs.dumps(kept))
    assert client.get("/mailings").status_code == 200


def test_a_form_s_token_is_this_session_s_and_not_too_old(
    app: Flask, client: FlaskClient, csrf: Callable[..., str], link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    another = app.test_client()
    another.get(link)
    mine, foreign = csrf(client), csrf(another)
    forged = SignedWords("another key", "wtf-csrf-token").dumps("x" * 40)
    for token in (foreign, forged, "", mine[:-2], "ä"):
        assert client.post("/recipients", data={"csrf_token": token}).status_code == 422, token
        assert client.post("/sign-out", data={"csrf_token": token}).status_code == 400, token
    assert client.post("/recipients", data={"csrf_token": mine}).status_code == 200
    later = TimestampSigner(KEY).get_timestamp() + int(
        (TOKEN_LIFETIME + timedelta(seconds=2)).total_seconds()
    )
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: later)
    assert client.post("/sign-out", data={"csrf_token": mine}).status_code == 400
