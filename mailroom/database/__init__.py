"""Database: SQL on SQLite and PostgreSQL alike. Above this floor nobody knows which one it is.

Read engine.py first (transactions that read, and that write), then clock.py (the one clock, and time
columns). sqlite_connections.py and postgresql_connections.py set up each connection. statement.py, raw.py and
lookup.py run what every mail and request need without SQLAlchemy's cost; asking.py is what an event loop asks
of PostgreSQL while it goes on. write_lock.py, group_commit.py and kept_open.py share SQLite's one writer.
begin.py, pipeline.py and idle.py save round trips to PostgreSQL, together.py those of reads that need nothing
of each other. any_of.py, any_case.py, contains.py, upsert.py, bulk.py, blobs.py, sequences.py and ddl.py are
SQL that the two spell differently; planner.py is what only PostgreSQL must be told, page_cache.py and
sqlite_flush.py what only SQLite. newest_first.py pages through rows, of_one.py through those of one list or
mailing; time_limit.py ends what is read for too long.
"""
