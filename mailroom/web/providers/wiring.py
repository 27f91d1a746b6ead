"""The room, wired into the application."""

from __future__ import annotations

from flask import Flask

from mailroom.engine.feedback.provider_posts import ProviderPosts
from mailroom.engine.feedback.rules import FeedbackRules
from mailroom.settings import Settings
from mailroom.web.providers import door, pages

blueprints = (door.blueprint, pages.blueprint)


def init_app(app: Flask, settings: Settings) -> None:
    database = app.extensions["mailroom"].database
    app.extensions[door.PROVIDER_POSTS] = ProviderPosts(database, FeedbackRules.of(settings))
