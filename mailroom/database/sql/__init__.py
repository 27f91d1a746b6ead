"""SQL that SQLite and PostgreSQL spell differently, or plan differently.

any_of.py, any_case.py and contains.py are conditions; upsert.py, bulk.py and sequences.py write rows;
ddl.py makes tables. newest_first.py pages through rows, of_one.py through those of one list or mailing;
planner.py is what only PostgreSQL must be told.
"""
