"""However much there is of everything, whoever asks for a part of it waits for no more than that part.

Not timed: SQLite tells how many steps its virtual machine takes, which are the same whoever else is at work.
"""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, literal_column

from app import create_app
from mailroom.database.engine import Database, url_of_file
from mailroom.engine.sweeper import Sweeper
from mailroom.ledger import suppressions
from mailroom.ledger.batches import gather
from mailroom.ledger.deliveries import attention, search, throughput, timeline
from mailroom.ledger.feedback import known
from mailroom.ledger.lists import members
from mailroom.ledger.mailings import mailings, sums
from mailroom.ledger.people import users
from mailroom.settings import load
from mailroom.web import csv_export, list_export
from mailroom.web.api import list_recipients
from mailroom.web.api import mailings as mailings_api
from mailroom.web.pages import deliveries as deliveries_pages
from mailroom.web.pages import reports as reports_pages
from mailroom.web.pages import suppressions as suppressions_pages
from tests.web import years
from tests.web.conftest import OWNER
from tests.web.years import Years

FEW, MANY = 300, 2_400
GRAIN = 20
MORE, SLACK = 1.5, 1_500
"""So many times the steps, and so many beside, are no growth. To pass over MANY rows takes more."""

LOOKED_AT = 50
BOUNDS: tuple[tuple[Any, str], ...] = (
    (csv_export, "EXPORTED_AT_ONCE"),
    (deliveries_pages, "EXPORTED_AT_ONCE"),
    (list_export, "EXPORTED_AT_ONCE"),
    (list_recipients, "EXPORTED_AT_ONCE"),
    (mailings, "SUBJECTS_SEARCHED"),
    (mailings_api, "EXPORTED_AT_ONCE"),
    (members, "MEMBERS_AT_ONCE"),
    (members, "MEMBERS_SEARCHED"),
    (reports_pages, "EXPORTED_AT_ONCE"),
    (search, "LOOKED_THROUGH"),
    (search, "NEARBY_READ"),
    (sums, "SUMMED_BLOCK"),
    (suppressions, "SUPPRESSIONS_SEARCHED"),
    (suppressions_pages, "EXPORTED_AT_ONCE"),
    (suppressions_pages, "SUPPRESSIONS_COUNTED"),
    (timeline, "TIMELINE_ROWS"),
)
"""What is read of something that may be more: here less than FEW."""


class Steps:
    """What is asked of a ledger, and how many steps it takes."""

    def __init__(self, app: Flask, of: Years) -> None:
        self.app, self.of, self.taken = app, of, 0
        self.database: Database = app.extensions["mailroom"].database
        event.listen(self.database.engine, "checkout", self._count)
        self.client = app.test_client()
        with self.database.begin() as connection:
            user = users.by_email(connection, OWNER)
            assert user is not None
            link = users.make_link(connection, user.id)
        assert self.client.get(f"/sign-in?token={link}").status_code == 303

    def of_page(self, path: str) -> None:
        with self.client.get(path, buffered=False) as answer:
            _begin(answer, path)

    def of_program(self, key: str, path: str) -> None:
        headers = {"Authorization": f"Bearer {self.of.keys[key]}"}
        with self.app.test_client().get(f"/api/v1{path}", headers=headers, buffered=False) as answer:
            _begin(answer, path)

    def of_sweeper(self) -> None:
        sweeper = Sweeper(self.database, self.app.extensions["mailroom"].queue, "w")
        sweeper.round()
        with self.database.begin() as connection:
            connection.exec_driver_sql("UPDATE sweeper SET swept_at = swept_at - 1500")
        assert sweeper.round()

    def of_removal(self) -> None:
        """Of a person who never sent anything."""
        with self.database.begin() as connection, connection.begin_nested() as undone:
            away = users.by_email(connection, "away@example.org")
            assert away is not None
            users.remove(connection, away.id)
            undone.rollback()

    def all(self) -> dict[str, int]:
        asked: dict[str, Callable[[], None]] = {
            "a round of the sweeper": self.of_sweeper,
            "a person is removed": self.of_removal,
        }
        asked |= {_name(path, self.of): partial(self.of_page, path) for path in years.paths(self.of)}
        for key, path in years.asked(self.of):
            asked[f"{key}: {_name(path, self.of)}"] = partial(self.of_program, key, path)
        return {name: self._of(ask) for name, ask in asked.items()}

    def _of(self, ask: Callable[[], None]) -> int:
        ask()  # what is asked once only
        before = self.taken
        ask()
        return self.taken - before

    def _count(self, connection: Any, record: object, pooled: object) -> None:
        connection.set_progress_handler(self._step, GRAIN)

    def _step(self) -> int:
        self.taken += GRAIN
        return 0


def _begin(answer: Any, path: str) -> None:
    """Of a file its first line, and the first part of what it lists."""
    assert answer.status_code == 200, path
    deque(islice(answer.response, 2), maxlen=0)


def _name(path: str, of: Years) -> str:
    """The same in both ledgers."""
    for number, name in (
        (of.last - 20 * years.APART, "NEAR THE END"),
        (of.last // 2, "MIDDLE"),
        (of.last, "LAST"),
    ):
        path = path.replace(str(number), name)
    for value, name in (
        (of.list, "LIST"),
        (years.uid_of(of.large), "LARGE"),
        (years.uid_of(of.large // 2), "MIDDLE"),
        (str(of.large // 2), "HALF"),
        (str(of.large), "LARGE"),
    ):
        path = path.replace(value, name)
    return path


@pytest.fixture(params=[False, True], ids=["without statistics", "with statistics"])
def both(
    request: pytest.FixtureRequest,
    settings_env: dict[str, str],
    _sqlite_template: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[Steps, Steps]]:
    """A ledger with FEW of everything, and one with MANY."""
    for module, name in BOUNDS:
        monkeypatch.setattr(module, name, LOOKED_AT)
    for module, name in ((attention, "WATCHED_LOOKED_AT"), (throughput, "REPORTS_READ")):
        monkeypatch.setattr(module, name, FEW // 50)
    monkeypatch.setattr(throughput, "MAILS_COUNTED", gather.FOLLOWING_SIZE)  # one batch
    monkeypatch.setattr(search, "RECENT", LOOKED_AT)
    for module in (known, search):
        monkeypatch.setattr(module, "BLOCKS_JOINED", literal_column(str(LOOKED_AT)))
    made = []
    for number in (FEW, MANY):
        path = tmp_path / f"{number}.db"
        shutil.copy(_sqlite_template, path)
        app = create_app(load({**settings_env, "DATABASE_URL": url_of_file(path)}))
        database = app.extensions["mailroom"].database
        made.append(Steps(app, years.fill(database, number, OWNER, with_statistics=request.param)))
    yield made[0], made[1]
    for steps in made:
        steps.database.dispose()
        steps.app.extensions["mailroom"].queue.close()


def test_nothing_grows_with_the_ledger(both: tuple[Steps, Steps]) -> None:
    few, many = (steps.all() for steps in both)
    assert few.keys() == many.keys() and min(few.values()) >= 0 < max(few.values())
    grown = {
        name: f"{few[name]:,} steps became {taken:,}"
        for name, taken in many.items()
        if taken > few[name] * MORE + SLACK
    }
    assert grown == {}
