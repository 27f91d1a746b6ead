"""Connection: how one to SQLite or PostgreSQL is set up, kept and spoken on.

sqlite_connections.py and postgresql_connections.py set each up. write_lock.py, page_cache.py, kept_open.py
and sqlite_flush.py are for SQLite's one writer and its file. begin.py, pipeline.py and idle.py save round
trips to PostgreSQL, pooler.py heeds what may stand before it. raw.py runs the driver alone, asking.py asks
PostgreSQL from an event loop that goes on meanwhile.
"""
