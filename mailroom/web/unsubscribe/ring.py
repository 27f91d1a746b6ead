"""The key ring of this application, by which it knows which links are ours."""

from __future__ import annotations

from typing import cast

from flask import Flask, current_app

from mailroom.database.engine import Database
from mailroom.engine.key_ring import KeyRing

RING_NAME = "mailroom.link_keys"


def init_app(app: Flask, database: Database) -> None:
    app.extensions[RING_NAME] = KeyRing(database)


def ring() -> KeyRing:
    return cast(KeyRing, current_app.extensions[RING_NAME])
