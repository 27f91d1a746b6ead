"""The JSON API, in the shape of Resend's: its official clients work unchanged with it."""

from __future__ import annotations

from flask import Flask

from mailroom.web import Mailroom
from mailroom.web.api import bearer, docs, errors, openapi, rates, unknown
from mailroom.web.api.blueprint import blueprint
from mailroom.web.api.endpoints import (
    batches,
    emails,
    kept_drafts,
    list_recipients,
    lists,
    mailings,
    preflight,
    repeats,
    results,
    suppressions,
    templates,
)
from mailroom.web.api.submitted import remote_files

PARTS = (
    *(emails, batches, mailings, results, preflight, repeats, suppressions, templates),
    *(lists, list_recipients, kept_drafts),
    *(openapi, docs, unknown, errors),
)
"""Each adds its part to the blueprint when it is imported."""


def init_app(app: Flask) -> None:
    mailroom: Mailroom = app.extensions["mailroom"]
    bearer.init_app(app, mailroom.database)
    rates.init_app(app, mailroom.settings.redis_url)
    remote_files.init_app(app, mailroom.settings)
    app.url_map.converters.update(anything=unknown.Anything, named=unknown.Named)
    app.register_blueprint(blueprint)
