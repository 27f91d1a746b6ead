"""Who writes marks between others' commits reads its few pages: to map SQLite's file anew takes longer."""

from __future__ import annotations

from mailroom.database.connection.raw import RETURNED
from mailroom.database.engine import Database


def test_nothing_is_mapped_for_marks_and_outcomes(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    direct = database.direct()
    assert direct.run([("PRAGMA mmap_size", ())], RETURNED) == [[(0,)]]
    direct.close()
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA mmap_size").scalar_one() > 0, "pages read far more"
    database.dispose()
