"""Signing in.

views.py, passwords.py (argon2), attempts.py (rate limit of guesses), known_browsers.py (device
cookies), browsers.py (their names).
"""
