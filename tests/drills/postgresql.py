"""PostgreSQL crashes and is started again, or is encoded as no ledger may be: faults 11b and 11c."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import make_url

from app import create_app
from mailroom.database import fitness
from mailroom.database.engine import Database
from mailroom.ledger import backup, holding, migrate, states
from mailroom.ledger.people import api_keys
from mailroom.settings import load
from tests import pgbouncer, postgres
from tests.drills.drill import drill
from tests.drills.stage import WORKERS, Stage

REFUSED = "ledger's database is encoded in LATIN1, which cannot hold every mail: make another one"


@drill(
    "11b",
    "the database server crashes, its pooler too, and is started again",
    without="`self.close()` after the driver's error in `RawConnection.run`: a dead one is asked for ever",
    ledgers=("postgres", "pgbouncer"),
)
def the_server_crashes(stage: Stage) -> None:
    server = postgres.Postgres()
    stage.goes_with(server.stop)
    name = server.create()
    migrate.upgrade(server.url(name))
    pooler = None
    if stage.is_pooled:
        pooler = pgbouncer.PgBouncer(server)
        stage.goes_with(pooler.stop)
    stage.database_url = pooler.url(name) if pooler else server.url(name)
    stage.build("any: delay dot 0.02")
    stage.accept(stage.size(300, 3_000))
    stage.start_workers()
    for _ in range(stage.size(1, 5)):
        stage.system.sink.wait(stage.system.sink.count() + 60, 60)
        server.crash()
        if pooler:
            pooler.kill()
        time.sleep(stage.size(1, 6))
        server.start()
        if pooler:
            pooler.start()
    stage.wait_until_over(90)
    stage.all_sent()


@drill(
    "11c",
    "the ledger of an older release is encoded in LATIN1: all refuse it, and a backup moves it to UTF8",
    without="`unfitness(connection)` in `migrate.misfit_of`: workers mail from it, and stumble over a word",
    ledgers=("postgres",),
)
def the_ledger_is_in_latin1(stage: Stage) -> None:
    with _latin1(stage.database_url) as latin1:
        system = stage.build()
        fit, system.database = system.database, Database(latin1)
        stage.accept(stage.size(100, 2_000))
        pool = system.start_workers(WORKERS, lease=stage.lease, DATABASE_URL=latin1)
        assert pool.wait(30) == 2 and REFUSED in system.log
        with pytest.raises(fitness.Unfit, match="which cannot hold every mail"):
            migrate.upgrade(latin1)
        _accepts_nothing(stage, latin1)
        assert not system.sink.count()
        system.database.dispose()
        system.database = fit
        _move(latin1, stage)
    stage.start_workers()
    stage.wait_until_over()
    assert stage.check().by_state == {states.SENT: stage.accepted}


@contextmanager
def _latin1(url: str) -> Iterator[str]:
    """Beside the ledger at `url`: one of a release that did not look at encodings."""
    name = f"{make_url(url).database}_latin1"
    admin = url.replace(f"@/{make_url(url).database}", "@/postgres")
    in_latin1 = "TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"
    latin1 = url.replace(f"@/{make_url(url).database}", f"@/{name}")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} {in_latin1}")
        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(fitness, "unfitness", lambda connection: None)
                migrate.upgrade(latin1)
            yield latin1
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _accepts_nothing(stage: Stage, url: str) -> None:
    with stage.system.database.begin() as connection:
        key, _ = api_keys.add(connection, "drill", scopes=[api_keys.SEND])
    app = create_app(load({**stage.system.environment, "DATABASE_URL": url}))
    mail = {"from": "a@example.org", "to": ["b@example.org"], "subject": "s", "text": "t"}
    answer = app.test_client().post("/api/v1/emails", json=mail, headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 503 and REFUSED in (answer.json or {})["message"]
    app.extensions["mailroom"].database.dispose()


def _move(latin1: str, stage: Stage) -> None:
    """As docs/operations.md says."""
    saved = stage.folder / "backup"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{postgres.programs()}{os.pathsep}{os.environ['PATH']}")
        backup.save(latin1, saved)
        stage.system.database.dispose()
        backup.restore(stage.database_url, saved, stage.folder / "kept")
    with stage.system.database.begin() as connection:
        assert holding.release(connection)
