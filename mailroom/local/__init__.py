"""A local run: run.py starts, watches and stops what is missing; the rest is what it needs for that.

home.py, ports.py, defaults.py (where, and with which settings), valkey.py and catcher.py (Redis and mail
server), processes.py, console.py, readiness.py, parent_death.py.
"""
