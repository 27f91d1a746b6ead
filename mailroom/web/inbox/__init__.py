"""The inbox of a local run: maildir.py (the catcher's folder), message.py (one message, taken apart)."""
