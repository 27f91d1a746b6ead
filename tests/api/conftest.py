"""The API served for real: gunicorn, a worker, a sink for the mail; or Flask's test client for the rest.

client        .get(), .post(), ... on the API with a key for everything, in this process
served        .url, .key, .system: a gunicorn of its own, workers, and what arrived
shared        the same for all tests of a module, and its workers run; give each test a key of its own
make_key      makes further keys for `client`'s or `served`'s ledger
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app import create_app
from mailroom.database.engine import Database
from mailroom.ledger.people import api_keys
from mailroom.settings import load
from tests.servers import Valkey
from tests.system import System
from tests.warm_sink import WarmSink
from tests.web_server import WebServer

EMAIL: dict[str, Any] = {
    "from": "Acme <hello@acme.example>",
    "to": ["Ann Lee <ann@mail.example>"],
    "subject": "Hello",
    "html": "<p>It works.</p>",
    "text": "It works.",
}


def new_key(database: Database, **values: Any) -> str:
    with database.begin() as connection:
        key, _ = api_keys.add(connection, "test", **({"scopes": ["admin"]} | values))
    return key


class Client:
    """Flask's test client with a key, below /api/v1."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.database: Database = app.extensions["mailroom"].database
        self.key = new_key(self.database)

    def open(self, method: str, path: str, *, key: str | None = None, **options: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {key or self.key}", **options.pop("headers", {})}
        return self.app.test_client().open(f"/api/v1{path}", method=method, headers=headers, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.open("GET", path, **options)

    def post(self, path: str, **options: Any) -> TestResponse:
        return self.open("POST", path, **options)

    def patch(self, path: str, **options: Any) -> TestResponse:
        return self.open("PATCH", path, **options)

    def send(self, **changes: Any) -> TestResponse:
        return self.post("/emails", json={**EMAIL, **changes})


@pytest.fixture
def client(settings_env: dict[str, str], database_url: str) -> Iterator[Client]:
    """On SQLite and on PostgreSQL."""
    app = create_app(load({**settings_env, "DATABASE_URL": database_url}))
    client = Client(app)
    yield client
    client.database.dispose()


@pytest.fixture
def light_client(settings_env: dict[str, str]) -> Iterator[Client]:
    """On SQLite only: for what no database changes."""
    client = Client(create_app(load(settings_env)))
    yield client
    client.database.dispose()


@pytest.fixture
def make_key(client: Client) -> Callable[..., str]:
    return lambda **values: new_key(client.database, **values)


@dataclass
class Served:
    """A whole Mailroom with its API on a port."""

    system: System
    origin: str
    key: str

    @property
    def url(self) -> str:
        return f"{self.origin}/api/v1"

    def with_a_key_of_its_own(self) -> Served:
        """For a program that sees what it sends, and nothing else."""
        return replace(self, key=new_key(self.system.database, scopes=["send", "read"]))


@pytest.fixture
def served(tmp_path: Path, sqlite_url: str, valkey: Valkey) -> Iterator[Served]:
    with serving(tmp_path, sqlite_url, valkey) as served:
        yield served


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, _sqlite_template: Path) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("shared")
    shutil.copy(_sqlite_template, folder / "mailroom.db")
    valkey = Valkey(folder / "valkey")
    valkey.start()
    try:
        with serving(folder, f"sqlite:///{folder}/mailroom.db", valkey) as served:
            served.system.start_workers()
            yield served
    finally:
        valkey.kill()


@contextmanager
def serving(folder: Path, database_url: str, valkey: Valkey) -> Iterator[Served]:
    whole = System(folder, database_url, valkey.url)
    whole.sink = WarmSink(folder / "sink", (), "--keep")
    with whole as system, WebServer(folder, system.environment, options="") as web:
        yield Served(system, f"http://127.0.0.1:{web.port}", new_key(system.database))
