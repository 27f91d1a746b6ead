"""Databases as they are found: in another encoding, read-only, without rights, serializable by default."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine, func, literal, select, text

from app import create_app
from mailroom.database import fitness
from mailroom.database.connection.raw import RETURNED
from mailroom.database.engine import Database
from mailroom.database.faults import LEDGER_AWAY, READ_ONLY_FILE, what_to_do
from mailroom.database.fitness import Unfit
from mailroom.engine.send.recorder import Recorder
from mailroom.ledger import migrate, states, writing
from mailroom.ledger.deliveries.tries import Outcome
from mailroom.ledger.people import api_keys
from mailroom.ledger.schema import attempts, deliveries, sweeper
from mailroom.local import run
from mailroom.settings import SettingsError, load
from tests.feedback.comes import Comes
from tests.ledger.book import Book
from tests.postgres import Postgres

CYRILLIC = "5.1.1 Нет такого ящика"
READ_ONLY = "default_transaction_read_only is on"
TOO_FEW_RIGHTS = (
    "the database's user may not do that: as the owner of the database, GRANT ALL ON SCHEMA public"
)


@pytest.fixture
def made(_postgres: Postgres) -> Iterator[Callable[..., str]]:
    """`made(options, template)`: the URL of a new database."""
    names: list[str] = []

    def make(options: str = "", template: str = "template0") -> str:
        names.append(_postgres.create(template, options))
        return _postgres.url(names[-1])

    yield make
    for name in names:
        _postgres.drop(name)


@pytest.fixture
def app_on(settings_env: dict[str, str]) -> Iterator[Callable[[str], Flask]]:
    apps: list[Flask] = []

    def make(url: str) -> Flask:
        apps.append(create_app(load({**settings_env, "DATABASE_URL": url})))
        return apps[-1]

    yield make
    for app in apps:
        app.extensions["mailroom"].database.dispose()


def ask(app: Flask, *words: str) -> tuple[int, str]:
    done = app.test_cli_runner().invoke(args=list(words))
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.output


def ledger_part(app: Flask) -> dict[str, Any]:
    part: dict[str, Any] = (app.test_client().get("/readyz").json or {})["parts"]["ledger"]
    return part


# Encodings

IN = "ENCODING '{}' LC_COLLATE 'C' LC_CTYPE 'C'"


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "EUC_JP"])
def test_another_encoding_than_utf8_is_refused_in_one_sentence(
    made: Callable[..., str],
    app_on: Callable[[str], Flask],
    capsys: pytest.CaptureFixture[str],
    encoding: str,
) -> None:
    url = made(IN.format(encoding))
    why = f"the ledger's database is encoded in {encoding}, which cannot hold every mail: make another one"
    app = app_on(url)
    code, said = ask(app, "db", "upgrade")
    assert code == 2 and said.startswith(f"mailroom: {why}") and said.count("\n") == 1
    assert "ENCODING 'UTF8'" in said
    for words in (["doctor"], ["users", "list"]):
        code, said = ask(app, *words)
        assert code in (1, 2) and why in said
    with pytest.raises(SystemExit):
        migrate.leave_if_misfit(url)  # workers, submission
    assert why in capsys.readouterr().err
    with pytest.raises(SettingsError, match="is encoded in"):
        run._migrate(url)  # make run
    page = app.test_client().get("/sign-in", headers={"Accept": "text/html"})
    assert page.status_code == 503 and f"is encoded in {encoding}" in page.text
    assert ledger_part(app)["ok"] is False and encoding in ledger_part(app)["why"]


@pytest.fixture
def latin(made: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A ledger that an older version made there."""
    url = made(IN.format("LATIN1"))
    with monkeypatch.context() as patch:
        patch.setattr(fitness, "unfitness", lambda connection: None)
        migrate.upgrade(url)
    database = Database(url, durable=False)
    yield database
    database.dispose()


def test_what_a_server_says_in_other_letters_is_recorded_there_all_the_same(latin: Database) -> None:
    book = Book(latin)
    mailing_id = book.accept(3)
    lease = book.claim()
    first, second, third = book.inside(lease)

    async def work() -> None:
        recorder = Recorder(asyncio.get_running_loop(), latin, latin.direct(), lease)
        for delivery_id in (first, second, third):
            assert await recorder.mark(1, delivery_id)
        recorder.sent(first, 250, "2.0.0 Принято")
        recorder.sent(second, 250, "2.0.0 Déjà")
        recorder.trouble(Outcome(third, states.FAILED, 550, CYRILLIC, "sink:25", "rcpt"))
        await asyncio.wait_for(recorder.drained(), 10)

    asyncio.run(work())
    assert book.close(lease)
    assert book.states(mailing_id) == {"sent": 2, "failed": 1}
    with latin.read() as connection:
        replies = connection.execute(select(deliveries.c.reply).order_by(deliveries.c.id)).scalars().all()
        tried = connection.execute(select(attempts.c.reply)).scalar_one()
    assert replies[:2] == ["2.0.0 ?", "2.0.0 Déjà"]
    assert tried == "5.1.1 ? ? ?"


def test_what_comes_back_in_other_letters_is_taken_there_all_the_same(latin: Database) -> None:
    comes = Comes(latin)
    first, second = comes.sent(2)
    given = (comes.report(id, words=words) for id, words in ((first, CYRILLIC), (second, "5.1.1 Déjà vu")))
    assert [taken.delivery_id for taken in comes.take(*given)] == [first, second]
    assert [row.words for row in comes.kept()] == ["5.1.1 ??? ?????? ?????", "5.1.1 D?j? vu"]


def test_our_own_encoding_is_utf8_whatever_the_environment_says(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "SQL_ASCII")
    for url in (postgres_url, f"{postgres_url}&client_encoding=latin1"):
        database = Database(url)
        with database.read() as connection:
            assert connection.execute(text("SHOW client_encoding")).scalar_one() == "UTF8"
            assert connection.execute(select(literal(CYRILLIC))).scalar_one() == CYRILLIC
        database.dispose()


# Rights

ROLE = "a_stranger_to_public"


@pytest.fixture
def without_rights(_postgres: Postgres, made: Callable[..., str], _postgres_template: str) -> Iterator[str]:
    """The URL of a ledger whose user may log in, and no more."""
    _postgres.execute(f"CREATE ROLE {ROLE} LOGIN")
    yield made(template=_postgres_template).replace("postgres@", f"{ROLE}@")
    _postgres.execute(f"DROP ROLE {ROLE}")


def test_a_user_who_may_create_nothing_is_told_in_one_sentence(
    without_rights: str, _postgres: Postgres, made: Callable[..., str], app_on: Callable[[str], Flask]
) -> None:
    empty = made().replace("postgres@", f"{ROLE}@")
    code, said = ask(app_on(empty), "db", "upgrade")
    assert code == 2 and said.startswith(f"mailroom: {TOO_FEW_RIGHTS}") and said.count("\n") == 1
    with pytest.raises(SettingsError, match="GRANT ALL ON SCHEMA public"):
        run._migrate(empty)
    app = app_on(without_rights)
    for words in (["doctor"], ["users", "list"]):
        code, said = ask(app, *words)
        assert code in (1, 2) and TOO_FEW_RIGHTS in said
    assert ledger_part(app)["why"].startswith(TOO_FEW_RIGHTS)
    assert app.test_client().get("/sign-in").status_code in (200, 503)


# Read-only


def read_only(url: str) -> None:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        name = connection.execute(text("SELECT current_database()")).scalar_one()
        connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    engine.dispose()


def test_a_database_that_may_only_be_read_is_no_fault_of_ours(
    postgres_url: str, app_on: Callable[[str], Flask]
) -> None:
    database = Database(postgres_url)
    with database.begin() as connection:
        key, _ = api_keys.add(connection, "test", scopes=[api_keys.SEND])
    database.dispose()
    read_only(postgres_url)
    app = app_on(postgres_url)
    code, said = ask(app, "doctor")
    assert code == 1 and READ_ONLY in said
    assert ledger_part(app)["ok"] is False and READ_ONLY in ledger_part(app)["why"]
    body = {"from": "a@example.org", "to": ["b@example.org"], "subject": "s", "text": "t"}
    answer = app.test_client().post("/api/v1/emails", json=body, headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 503 and READ_ONLY in (answer.json or {})["message"]
    assert answer.headers["Retry-After"] == "5"
    code, said = ask(app, "hold")
    assert code == 2 and said.startswith("mailroom: ") and READ_ONLY in said and said.count("\n") == 1


def test_sqlite_s_file_that_may_only_be_read_is_told_of(sqlite_url: str) -> None:
    database = Database(f"{sqlite_url.replace('sqlite:///', 'sqlite:///file:')}?mode=ro&uri=true")
    with pytest.raises(LEDGER_AWAY) as raised:
        writing.probe_writing(database)
    assert what_to_do(raised.value) == READ_ONLY_FILE
    database.dispose()


# Whether it can be written


def test_a_row_is_written_and_taken_back_and_not_for_everybody_who_asks(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    real = writing._write

    def counted(of: Database) -> None:
        written.append(1)
        real(of)

    monkeypatch.setattr(writing, "_write", counted)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: writing.probe_writing(database), range(40)))
    assert len(written) == 1
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(sweeper)).scalar_one() == 0


def test_two_processes_that_ask_at_once_do_not_wait_for_each_other(postgres_url: str) -> None:
    one, other = Database(postgres_url), Database(postgres_url, busy_timeout=500)
    with one.begin() as connection:
        connection.execute(sweeper.insert().values(id=-(2**31), owner="a probe", swept_at=0, round_ms=0))
        writing.probe_writing(other)
    for database in (one, other):
        database.dispose()


# Isolation


def test_writers_are_read_committed_whatever_the_default_is(postgres_url: str) -> None:
    engine = create_engine(
        postgres_url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        name = connection.execute(text("SELECT current_database()")).scalar_one()
        connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'"))
    engine.dispose()
    database = Database(postgres_url)
    book = Book(database)
    with database.read() as connection:  # what it sets for itself is gone afterwards
        assert connection.execute(text("SHOW transaction_isolation")).scalar_one() == "repeatable read"
    with database.begin() as connection:
        assert connection.execute(text("SHOW transaction_isolation")).scalar_one() == "read committed"
    with ThreadPoolExecutor(10) as threads:
        accepted = list(threads.map(lambda n: book.accept([f"p{n}@mail.example"]), range(30)))
    assert len(set(accepted)) == 30
    direct = database.direct()
    asked = [("SELECT current_setting('transaction_isolation')", ())]
    assert direct.run(asked, RETURNED) == [[("read committed",)]]
    with database.engine.connect() as connection:
        assert connection.execute(text("SHOW transaction_isolation")).scalar_one() == "read committed"
    direct.close()
    database.dispose()


def test_an_unfit_database_is_an_error_of_its_own(made: Callable[..., str]) -> None:
    with pytest.raises(Unfit, match="cannot be used"):
        migrate.upgrade("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(Unfit, match="is encoded in LATIN1"):
        migrate.upgrade(made(IN.format("LATIN1")))
