"""Commands for who runs it: db.py, users.py, doctor.py, relays.py, hold.py, backup.py, version.py."""
