"""The web application beside a drill: somebody who looks at its pages, and how long that takes."""

from __future__ import annotations

import time

from mailroom.ledger.people import users
from mailroom.settings import load
from tests.drills.stage import Stage

PATHS = ("/", "/mailings", "/mailings/1", "/healthz", "/readyz", "/queue/")


class Pages:
    def __init__(self, stage: Stage) -> None:
        self.slowest = 0.0
        self._stage = stage

    def __enter__(self) -> Pages:
        from app import create_app  # the most that there is to load, and one drill in thirty needs it

        self._app = create_app(load(self._stage.system.environment))
        self._client = self._app.test_client()
        with self._stage.system.database.begin() as connection:
            user = users.add(connection, "ann@example.org", None)
            token = users.make_link(connection, user.id)
        assert self._client.get(f"/sign-in?token={token}").status_code == 303
        return self

    def __exit__(self, *_: object) -> None:
        parts = self._app.extensions["mailroom"]
        parts.database.dispose()
        parts.queue.close()

    def visit(self) -> None:
        """Opens every page once; those that work without Redis must."""
        for path in PATHS:
            began = time.monotonic()
            status = self._client.get(path).status_code
            self.slowest = max(self.slowest, time.monotonic() - began)
            assert status == 200 or path in ("/readyz", "/queue/"), f"{path} answered {status}"
