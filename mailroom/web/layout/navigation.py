"""Navigation: the places that this application has."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from flask import Flask, current_app, request

from mailroom import __version__

PLACES = (
    ("/", "Compose", "pen-line"),
    ("/drafts", "Drafts", "file-text"),
    ("/mailings", "Mailings", "mails"),
    ("/calendar", "Calendar", "calendar"),
    ("/repeats", "Repeats", "repeat"),
    ("/lists", "Lists", "users"),
    ("/templates", "Templates", "file-text"),
    ("/attention", "Needs you", "triangle-alert"),
    ("/queue/", "Queue", "layers"),
    ("/inbox", "Inbox", "inbox"),
    ("/race", "Race", "timer"),
    ("/suppressions", "Suppressions", "ban"),
    ("/keys", "API keys", "key-round"),
    ("/webhooks", "Webhooks", "webhook"),
    ("/settings", "Settings", "settings"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the navigation."""

    href: str
    label: str
    icon: str
    is_current: bool


def init_app(app: Flask, hidden: Collection[str] = ()) -> None:
    """Call it when all routes are there: a place without a route is left out, as are `hidden` ones."""
    routes = {rule.rule for rule in app.url_map.iter_rules()} - set(hidden)
    app.extensions["mailroom.places"] = [place for place in PLACES if place[0] in routes]
    app.jinja_env.globals.update(places=places, version=__version__)


def places() -> list[Place]:
    """The navigation as seen from the page that is being shown."""
    # A form that came back from POST /mailings is still the compose page.
    path = "/" if request.blueprint in ("compose", "check") else request.path
    return [
        Place(href, label, icon, path == href or (href != "/" and path.startswith(href.rstrip("/") + "/")))
        for href, label, icon in current_app.extensions["mailroom.places"]
    ]
