"""The web application, wired together."""

from __future__ import annotations

from flask import Flask

from mailroom import cli, files, log
from mailroom.content import private_domains
from mailroom.database.engine import Database
from mailroom.queue import Queue
from mailroom.settings import Settings, load_or_exit
from mailroom.web import Mailroom, api
from mailroom.web.layout import assets, filters, fragments, links, navigation, reader_zone
from mailroom.web.layout.template_globals import SharedGlobals
from mailroom.web.pages import (
    attention,
    calendar,
    check,
    compose,
    drafts,
    inbox,
    keys,
    list_pages,
    mailings,
    race,
    repeats,
    reports,
    suppressions,
    templates,
    webhooks,
)
from mailroom.web.pages import settings as settings_page
from mailroom.web.providers import wiring as providers
from mailroom.web.queue_page import dashboard
from mailroom.web.request import compression, errors, gate, ids, schema, security
from mailroom.web.request.accepted import Application
from mailroom.web.results import kept
from mailroom.web.sign_in import attempts, views
from mailroom.web.status import banners, health, metrics
from mailroom.web.unsubscribe import wiring as unsubscribe

MEBIBYTE = 1024 * 1024


def create_app(settings: Settings | None = None) -> Flask:
    """The application for `settings`; by default for those of the environment."""
    settings = settings or load_or_exit()
    log.configure(settings.log, settings.secrets)
    private_domains.allow(settings.private_domains)
    for folder in ("uploads", "races"):  # an older Mailroom made them as everybody may read them
        files.close_to_others(settings.home / folder)
    app = Application(__name__)
    app.config.update(
        SECRET_KEY=settings.secret_key,
        MAX_CONTENT_LENGTH=64 * MEBIBYTE,
        MAX_FORM_MEMORY_SIZE=32 * MEBIBYTE,  # a pasted list, a long letter; Flask's 500 kB would lose them
    )
    app.jinja_environment = SharedGlobals
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["mailroom"] = Mailroom(
        settings,
        Database(settings.database_url, connections=settings.database_connections),
        Queue(settings.redis_url),
    )

    ids.init_app(app)
    compression.init_app(app)  # last, what runs after a request: it sees the whole answer
    unsubscribe.init_app(app, settings)  # before all that could answer by its own host name
    schema.init_app(app)  # before the gate, which needs its tables
    gate.init_app(app)  # nobody gets past it
    security.init_app(app, settings)
    attempts.init_app(app, settings)
    providers.init_app(app, settings)
    assets.init_app(app)
    links.init_app(app)
    fragments.init_app(app)
    errors.init_app(app)
    filters.init_app(app)
    reader_zone.init_app(app)
    banners.init_app(app)
    kept.init_app(app)

    for blueprint in (
        health.blueprint,
        metrics.blueprint,
        views.blueprint,
        compose.blueprint,
        check.blueprint,
        drafts.blueprint,
        mailings.blueprint,
        attention.blueprint,
        inbox.blueprint,
        race.blueprint,
        suppressions.blueprint,
        repeats.blueprint,
        calendar.blueprint,
        reports.blueprint,
        list_pages.blueprint,
        templates.blueprint,
        keys.blueprint,
        webhooks.blueprint,
        settings_page.blueprint,
        unsubscribe.blueprint,
        *providers.blueprints,
    ):
        app.register_blueprint(blueprint)
    dashboard.init_app(app, settings)
    api.init_app(app)
    # Last: it shows what there is. Only a local run has a catcher, and so an inbox.
    navigation.init_app(app, hidden=() if settings.local else ("/inbox",))
    cli.init_app(app)
    return app
