"""The room, wired into the application."""

from __future__ import annotations

from flask import Flask

from mailroom.settings import Settings
from mailroom.web.unsubscribe import own_host, ring, sheet
from mailroom.web.unsubscribe.page import blueprint

__all__ = ["blueprint", "init_app"]


def init_app(app: Flask, settings: Settings) -> None:
    own_host.init_app(app, settings)
    ring.init_app(app, app.extensions["mailroom"].database)
    sheet.init_app(app)
