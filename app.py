"""The web application, wired together."""

from __future__ import annotations

from flask import Flask

from mailroom import cli, files, log
from mailroom.database.engine import Database
from mailroom.queue import Queue
from mailroom.settings import Settings, load_or_exit
from mailroom.web import (
    Mailroom,
    api,
    assets,
    attempts,
    dashboard,
    errors,
    gate,
    health,
    metrics,
    navigation,
    notices,
    numbers,
    security,
    sign_in,
    words,
)
from mailroom.web.pages import compose, inbox, keys, mailings, race, suppressions, webhooks
from mailroom.web.pages import settings as settings_page

MEBIBYTE = 1024 * 1024


def create_app(settings: Settings | None = None) -> Flask:
    """The application for `settings`; by default for those of the environment."""
    settings = settings or load_or_exit()
    log.configure()
    for folder in ("uploads", "races"):  # an older Mailroom made them as everybody may read them
        files.close_to_others(settings.home / folder)
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=settings.secret_key,
        MAX_CONTENT_LENGTH=64 * MEBIBYTE,
        MAX_FORM_MEMORY_SIZE=32 * MEBIBYTE,  # a pasted list, a long letter; Flask's 500 kB would lose them
    )
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["mailroom"] = Mailroom(
        settings, Database(settings.database_url), Queue(settings.redis_url)
    )

    numbers.init_app(app)
    gate.init_app(app)  # first: nobody gets past it
    security.init_app(app, settings)
    attempts.init_app(app, settings)
    assets.init_app(app)
    errors.init_app(app)
    words.init_app(app)
    notices.init_app(app)

    for blueprint in (
        health.blueprint,
        metrics.blueprint,
        sign_in.blueprint,
        compose.blueprint,
        mailings.blueprint,
        inbox.blueprint,
        race.blueprint,
        suppressions.blueprint,
        keys.blueprint,
        webhooks.blueprint,
        settings_page.blueprint,
    ):
        app.register_blueprint(blueprint)
    dashboard.init_app(app, settings)
    api.init_app(app)
    # Last: it shows what there is. Only a local run has a catcher, and so an inbox.
    navigation.init_app(app, hidden=() if settings.local else ("/inbox",))
    cli.init_app(app)
    return app
