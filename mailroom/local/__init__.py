"""A local run: start.py begins one, run.py starts, watches and stops what is missing; the rest is what
they need for that.

python_path.py, home.py, ports.py, defaults.py (where, and with which settings), valkey.py and catcher.py
(Redis and mail server), processes.py, console.py, readiness.py, parent_death.py.
"""
