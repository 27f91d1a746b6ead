"""pg_dump and pg_restore: PostgreSQL's own programs copy one moment, and put it back in one transaction."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from tempfile import NamedTemporaryFile

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo
from sqlalchemy import MetaData, inspect, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from mailroom import files
from mailroom.database.backup.failed import BackupFailed
from mailroom.database.backup.store import VERSION_TABLE, Prepare
from mailroom.database.connection.pooler import EACH_TRANSACTION
from mailroom.database.engine import Database, normalized_url
from mailroom.supervision import cause

DUMP_MAGIC = b"PGDMP"
OTHER_CONNECTIONS = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)

ITS_REVISION = re.compile(rf"\bTABLE DATA \S+ {VERSION_TABLE} ").search
"""In pg_restore's list of what is in a dump."""

AS_IT_WAS = "surrogateescape"
"""What is not UTF-8 in a name comes back to PostgreSQL's programs as it was."""


class PostgresqlDump:
    def __init__(self, database_url: str, tables: Collection[str]) -> None:
        self._url = normalized_url(database_url)
        self._tables = {*tables, VERSION_TABLE}

    def save(self, target: Path) -> None:
        self._refuse_pooler()
        chosen = [f"--table={name}" for name in sorted(self._tables)]
        self._run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={target}", *chosen)

    def check(self, source: Path) -> str | None:
        with source.open("rb") as file:
            if file.read(len(DUMP_MAGIC)) != DUMP_MAGIC:
                raise BackupFailed(f"{source} is no backup of a PostgreSQL ledger, which this Mailroom has")
        self._run("pg_restore", f"--file={os.devnull}", str(source))  # reads and unpacks all of it
        data = self._run("pg_restore", "--data-only", f"--table={VERSION_TABLE}", "--file=-", str(source))
        lines = data.partition("FROM stdin;\n")[2].splitlines()
        return lines[0] if lines and lines[0] != "\\." else None

    def users(self) -> int:
        self._refuse_pooler()
        database = Database(self._url)
        try:
            with database.read() as connection:
                return int(connection.execute(OTHER_CONNECTIONS).scalar_one())
        finally:
            database.dispose()

    def _refuse_pooler(self) -> None:
        """pg_dump and pg_restore leave settings in their sessions, which others would get next."""
        database = Database(self._url)
        try:
            with closing(database.engine.raw_connection()) as pooled:
                is_shared = EACH_TRANSACTION in pooled.info
        except (SQLAlchemyError, psycopg.Error) as error:  # whoever asks the pool gets the driver's own
            raise BackupFailed(f"the ledger cannot be used: {cause(error)}") from None
        finally:
            database.dispose()
        if is_shared:
            raise BackupFailed(
                "DATABASE_URL leads through a connection pooler, which pg_dump and pg_restore cannot use: "
                "for this command give it the server's own address"
            )

    def replace(self, source: Path, revision: str | None, kept: Path, prepare: Prepare) -> Path | None:
        was_there = self._take_away(kept)
        # All but its revision: until that is noted, with a hold, it counts as never migrated.
        listed = self._run("pg_restore", "--list", str(source)).splitlines(keepends=True)
        chosen = [line for line in listed if not ITS_REVISION(line)]
        with NamedTemporaryFile(
            "w", encoding="utf-8", errors=AS_IT_WAS, suffix=".list", dir=kept.parent
        ) as file:
            file.writelines(chosen)
            file.flush()
            name = str(make_url(self._url).database or "")
            self._run(
                "pg_restore",
                *("--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error"),
                *(f"--use-list={file.name}", f"--dbname={name}", str(source)),
            )
        prepare(self._url, revision)
        return kept if was_there else None

    def _take_away(self, kept: Path) -> bool:
        """Drops the tables that are there, when they are in the file `kept`."""
        database = Database(self._url)
        try:
            present = self._tables & set(inspect(database.engine).get_table_names())
            if not present:
                return False
            files.create(kept)
            self.save(kept)
            tables = MetaData()
            with database.begin() as connection:
                tables.reflect(connection, only=sorted(present))
                tables.drop_all(connection)
        finally:
            database.dispose()
        return True

    def _run(self, program: str, *words: str) -> str:
        """What it prints. The password travels in its environment, which nobody else can read."""
        path = shutil.which(program)
        if path is None:
            raise BackupFailed(
                f"{program} is not installed here: install PostgreSQL's client programs "
                "(on Debian and Ubuntu postgresql-client), at least as new as the server"
            )
        done = subprocess.run(
            [path, *words],
            env={**os.environ, **self._environment()},
            capture_output=True,
            encoding="utf-8",
            errors=AS_IT_WAS,
        )
        if done.returncode:
            said = done.stderr.strip().splitlines() or [f"ended with {done.returncode}"]
            raise BackupFailed(f"{program} failed: {said[0].removeprefix(f'{program}: ')}")
        return done.stdout

    def _environment(self) -> dict[str, str]:
        url = make_url(self._url).set(drivername="postgresql").render_as_string(hide_password=False)
        names = {
            option.keyword.decode(): option.envvar.decode()
            for option in Conninfo.get_defaults()
            if option.envvar
        }
        given = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
        return {names[name]: value for name, value in given.items() if name in names}
