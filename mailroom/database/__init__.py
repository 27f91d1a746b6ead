"""Database: SQL on SQLite and PostgreSQL alike. Above this floor nobody knows which one it is.

Read engine.py first (transactions that read, and that write), then clock.py (the one clock, and time
columns), statement.py and lookup.py (what every mail and request need, without SQLAlchemy's cost).
`connection` is how one is set up, kept and spoken on; `sql` is what the two spell differently.
group_commit.py shares SQLite's one writer among threads, together.py shares round trips to PostgreSQL among
reads that need nothing of each other. blobs.py brings large values in and out; time_limit.py ends what is
read for too long; faults.py and fitness.py say what a database is to be blamed for, telling.py what the log
says of it; `backup` copies one while others write.
"""
