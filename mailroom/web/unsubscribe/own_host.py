"""A host name of its own for unsubscribe links: by it nothing else of Mailroom can be reached."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Response, request

from mailroom.settings import Settings
from mailroom.web.unsubscribe import page


def init_app(app: Flask, settings: Settings) -> None:
    own, public = (
        _host(url) for url in (settings.unsubscribe_url or settings.public_url, settings.public_url)
    )
    if own == public:
        return

    @app.before_request
    def _only_links() -> Response | None:
        if request.blueprint == page.blueprint.name or _host(f"//{request.host}") != own:
            return None
        return page.broken()


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""
