"""Security headers (CSP): what a browser is told to refuse; and the CSRF tokens that every form carries."""

from __future__ import annotations

from datetime import timedelta
from hmac import compare_digest

from flask import Flask, Request, Response, abort, current_app, g, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask_wtf.csrf import CSRFProtect
from itsdangerous import BadData

from mailroom.ledger.people.sign_ins import SIGN_IN_LIFETIME_MS
from mailroom.proxies import Proxies
from mailroom.settings import Settings
from mailroom.web.request import origin
from mailroom.web.request.forwarded import Forwarded
from mailroom.web.request.signing import SignedWords
from mailroom.web.sign_in import known_browsers

CONTENT_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
"""Where a view set one of these itself, its own stays."""

WITH_A_LETTER = ("compose.submit", "compose.check_recipients", "drafts.save")
"""Endpoints that take the compose form."""

TOKEN_LIFETIME = timedelta(hours=24)
"""Of a form's CSRF token: a letter may take a day to write."""

FORM_TOKENS = "mailroom.form_tokens"


class FormTokens(CSRFProtect):  # type: ignore[misc]  # it has no types
    """Flask-WTF's own, which makes a signer for each token. What the kept one finds right needs no other."""

    def init_app(self, app: Flask) -> None:
        super().init_app(app)
        app.extensions[FORM_TOKENS] = SignedWords(str(app.secret_key), salt="wtf-csrf-token")

    def protect(self, apply_exemptions: bool = False) -> None:
        if (
            request.method in origin.READING
            or request.blueprint in origin.SELF_EVIDENT
            or not request.endpoint
        ):
            return
        if not _is_right(request.form.get("csrf_token", ""), session.get("csrf_token", "")):
            super().protect(apply_exemptions)
        g.csrf_valid = True


def _is_right(given: str, kept: str) -> bool:
    """Whether a form's token is signed, not too old, and this session's."""
    tokens: SignedWords = current_app.extensions[FORM_TOKENS]
    try:
        return compare_digest(tokens.loads(given, max_age=int(TOKEN_LIFETIME.total_seconds())), kept)
    except (BadData, TypeError):
        return False


csrf = FormTokens()


class Sessions(SecureCookieSessionInterface):
    """Flask's own, which makes the signer anew for every request, the API's included; and one cookie more."""

    _signer: SignedWords | None = None

    def get_signing_serializer(self, app: Flask) -> SignedWords | None:
        if self._signer is None:
            derived = {"key_derivation": self.key_derivation}
            self._signer = SignedWords(
                str(app.secret_key), salt=self.salt, serializer=self.serializer, signer_kwargs=derived
            )
        return self._signer

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if "HTTP_COOKIE" not in request.environ:  # a program's; Flask would go through all headers for one
            return self.session_class()
        return super().open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if session.modified:
            super().save_session(app, session, response)
            self._last(app, response)
        elif session.accessed:  # the cookie stays as it is, and Flask would look up what it consists of
            response.vary.add("Cookie")
        known_browsers.write(response)

    def _last(self, app: Flask, response: Response) -> None:
        """Says how long the cookie lasts, beside until when: by the browser's clock that may be long past."""
        name, lasts = self.get_cookie_name(app), int(app.permanent_session_lifetime.total_seconds())
        cookies = response.headers.getlist("Set-Cookie")
        for number, cookie in enumerate(cookies):
            if cookie.startswith(f"{name}=") and "; Expires=" in cookie and "; Max-Age=" not in cookie:
                cookies[number] = f"{cookie}; Max-Age={lasts}"
                response.headers.setlist("Set-Cookie", cookies)


def init_app(app: Flask, settings: Settings) -> None:
    is_https = settings.public_url.startswith("https://")
    app.config.update(
        SESSION_COOKIE_NAME=f"mailroom_{settings.port}",  # two local runs must not mix
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=is_https,
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=timedelta(milliseconds=SIGN_IN_LIFETIME_MS),
        WTF_CSRF_TIME_LIMIT=int(TOKEN_LIFETIME.total_seconds()),
        WTF_CSRF_SSL_STRICT=False,  # it compares with the address that a proxy asks for: see origin.py
    )
    app.session_interface = Sessions()
    origin.init_app(app)
    csrf.init_app(app)
    app.before_request(_refuse_nul)
    headers = dict(SECURITY_HEADERS)
    if is_https:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    app.wsgi_app = Forwarded(app.wsgi_app, Proxies(settings.forwarded_allow_ips))  # type: ignore[method-assign]

    everywhere = [(name.lower(), name, value) for name, value in headers.items()]
    # Asked again each time, yet kept for the Back button: it brings back what was typed.
    on_pages = [*everywhere, ("cache-control", "Cache-Control", "private, no-cache")]

    @app.after_request
    def _harden(response: Response) -> Response:
        present = {name.lower() for name, _ in response.headers}
        for key, name, value in everywhere if request.endpoint == "static" else on_pages:
            if key not in present:
                response.headers.add(name, value)
        return response


def _refuse_nul() -> None:
    """PostgreSQL's text cannot hold a NUL, SQLite's ends there, and no page or form of ours sends one.

    The API checks every value itself, and names the field.
    """
    if request.blueprint in ("api", "unsubscribe", "provider_door"):  # what these read they judge themselves
        return
    if "\0" in request.path or b"%00" in request.query_string:
        abort(400)
    # A letter is not thrown away for one: compose_form leaves them out.
    if any("\0" in name for name in request.form):
        abort(400)
    values = (value for _, value in request.form.items(multi=True))
    if request.endpoint not in WITH_A_LETTER and any("\0" in value for value in values):
        abort(400)
