"""Database: SQL on SQLite and PostgreSQL alike. Above this floor nobody knows which one it is.

Read engine.py first (transactions that read, and that write), then clock.py (the one clock, and time
columns). statement.py and raw.py run what every mail needs without SQLAlchemy's cost; write_lock.py and
group_commit.py share SQLite's one writer. any_of.py, upsert.py, bulk.py, blobs.py and ddl.py are
SQL that the two spell differently; planner.py is what only PostgreSQL must be told.
"""
