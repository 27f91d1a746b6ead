"""Device cookies (OWASP): browsers in which somebody has given their password before.

Strangers' guesses do not hold them up. A signed cookie for each account: it opens nothing, and the
attempts of its browser are counted by themselves.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from flask import Response, current_app, g, request, url_for
from itsdangerous import BadData, URLSafeTimedSerializer

from mailroom.web.sign_in.attempts import attempts

KNOWN_BROWSER_LIFETIME = timedelta(days=365)


def find(email: str) -> str:
    """This browser's number, when that person has signed in with it; else nothing."""
    account = attempts().account(email)
    try:
        whose, number = _signer().loads(
            request.cookies.get(_name(account), ""), max_age=int(KNOWN_BROWSER_LIFETIME.total_seconds())
        )
    except (BadData, TypeError, ValueError):
        return ""
    return str(number) if whose == account else ""


def remember(email: str) -> None:
    """Somebody who knows that person's password has this browser: the answer will make it known."""
    g.known_browser = attempts().account(email)


def write(response: Response) -> None:
    account = g.pop("known_browser", None)
    if account is not None:
        response.set_cookie(
            _name(account),
            str(_signer().dumps([account, secrets.token_hex(16)])),
            max_age=KNOWN_BROWSER_LIFETIME,
            path=url_for("sign_in.page"),
            secure=current_app.config["SESSION_COOKIE_SECURE"],
            httponly=True,
            samesite="Lax",
        )


def _name(account: str) -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}_known_{account[:12]}"


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="known browser")
