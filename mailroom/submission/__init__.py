"""SMTP submission: programs that can only speak SMTP hand their mail to the ledger.

    python -m mailroom.submission

AUTH with an API key as the password, always; STARTTLS before it, except from this very
machine. The 250 after the final dot means: on disk. Mail to the bounce address alone is taken
of anybody, here and over LMTP (returns.py, lmtp.py).

protocol.py is the dialogue, on a connection that has its bounds (bounds.py, door.py, limits.py); reception.py
takes what comes of it.
"""
