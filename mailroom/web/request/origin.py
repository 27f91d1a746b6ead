"""Cross-site request forgery: which forms are Mailroom's own, and words for when something does not fit.

The browser decides it (Sec-Fetch-Site); one that does not say so names the page's Origin or Referer, which is
compared with MAILROOM_PUBLIC_URL and with the address asked for. A proxy need not pass that on: many ask for
an address of their own. Every form carries a token besides.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Flask, current_app, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import BadRequest

from mailroom.web import mailroom

READING = frozenset({"GET", "HEAD", "OPTIONS"})
HOST_PATTERN = re.compile("[a-z0-9._:-]{1,255}")
SELF_EVIDENT = frozenset({"api", "unsubscribe", "provider_door"})
"""Blueprints whose requests carry what lets them in (a key, a signature, a link), and nothing that a browser
adds for another site: their forms need no token either."""

DEFAULT_PORTS: dict[str, int | None] = {"http": 80, "https": 443}
REFUSALS_TOLD_EVERY = 60.0
"""Seconds between two lines in the log: a stranger must not fill it."""


class ForeignForm(BadRequest):
    """Another site's page sent this form, or one of ours under an address that Mailroom does not know."""


@dataclass(frozen=True, slots=True)
class OriginRefusal:
    """What is told, to the person and in the log."""

    name: str
    title: str
    text: str


TOO_OLD = OriginRefusal(
    "csrf_token_expired", "This page was open for too long", "Go back, reload it, and try again."
)
NO_COOKIE = OriginRefusal(
    "cookie_missing",
    "Your browser sent no cookie",
    "Mailroom needs one to know its own forms. Allow cookies for this address, reload the page, try again.",
)
OTHER_SITE = OriginRefusal(
    "foreign_form", "That form is not Mailroom's", "A page of another site sent it, so nothing was done."
)
UNNAMED = OriginRefusal(
    "foreign_form",
    "Your browser does not say where this form comes from",
    "It hides the page's address (Origin: null). Allow it to name that to Mailroom, and try again.",
)


def init_app(app: Flask) -> None:
    app.before_request(refuse_foreign)
    app.extensions["mailroom.refusal_told"] = -REFUSALS_TOLD_EVERY


def refuse_foreign() -> None:
    """What changes something must come from a page of ours; no browser adds an API key or a provider's
    signature by itself, or has an unsubscribe link that was not opened in it.
    """
    if request.method not in READING and request.blueprint not in SELF_EVIDENT and not _is_ours():
        raise ForeignForm


def _is_ours() -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site == "same-origin":
        return True
    origin = _page()
    return site in (None, "none") and (origin is None or _is_own(origin))


def is_surely_ours() -> bool:
    """Whether the browser says so itself: old ones may say nothing."""
    page = _page()
    return request.headers.get("Sec-Fetch-Site") == "same-origin" or (page is not None and _is_own(page))


def of_foreign_form() -> OriginRefusal:
    origin = _page()
    if request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        return OTHER_SITE
    return _elsewhere(origin) if origin and _parts(origin)[1] else UNNAMED


def of_token(error: CSRFError) -> OriginRefusal:
    """A form's token does not fit. Most often it is old; without any cookie it can never fit."""
    if current_app.config["SESSION_COOKIE_NAME"] in request.cookies:
        return TOO_OLD
    origin = _page()
    is_secure = current_app.config["SESSION_COOKIE_SECURE"]
    return _elsewhere(origin) if is_secure and origin and _parts(origin)[0] == "http" else NO_COOKIE


def tell_operator(refusal: OriginRefusal) -> None:
    """One line in the log, once a minute at most: a page that nobody can use may be a wrong setting."""
    told: dict[str, float] = current_app.extensions
    if refusal is TOO_OLD or time.monotonic() - told["mailroom.refusal_told"] < REFUSALS_TOLD_EVERY:
        return
    told["mailroom.refusal_told"] = time.monotonic()
    current_app.logger.warning("a form was refused: %s. %s", refusal.title, refusal.text)


def _elsewhere(origin: str) -> OriginRefusal:
    own = mailroom().settings.public_url
    return OriginRefusal(
        "wrong_address",
        "This is not Mailroom's address",
        f"This Mailroom answers to {own}, your browser came by {origin}. Open {own}. If {origin} is "
        "Mailroom's right address, whoever runs it sets MAILROOM_PUBLIC_URL to that; if it is another site, "
        "it was not allowed to send this form.",
    )


def _page() -> str | None:
    """The origin of the page that sent this, as scheme://host:port; "null" when it is hidden."""
    found = request.headers.get("Origin") or request.headers.get("Referer")
    if not found:
        return None
    scheme, host, port = _parts(found[:2000])
    if scheme not in ("http", "https") or not host:
        return "null"
    named = f"[{host}]" if ":" in host else host
    return f"{scheme}://{named}" + ("" if port == DEFAULT_PORTS[scheme] else f":{port}")


def _parts(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port, comparable."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
        host = host if host.isascii() else host.encode("idna").decode()
    except ValueError:
        return "", "", None
    if not HOST_PATTERN.fullmatch(host):  # it is shown, and written into the log
        return "", "", None
    return parts.scheme, host, port or DEFAULT_PORTS.get(parts.scheme)


def _is_own(origin: str) -> bool:
    public, page = _parts(mailroom().settings.public_url), _parts(origin)
    if page == public:
        return True
    # The address that it asks for itself. A page that came by http is not one of a site that has https.
    asked = _parts(f"{page[0]}://{request.host}")
    return page == asked and bool(page[1]) and not (page[0] == "http" and public[0] == "https")
