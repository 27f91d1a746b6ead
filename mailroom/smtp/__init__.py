"""SMTP client: handing one message to a mail server, and what can come of it.

From the bottom: wire.py (bytes and deadlines), reply.py, transaction.py (one message's dialogue),
own_name.py and greeting.py (connect, EHLO, STARTTLS, AUTH), session.py (many messages on one
connection); envelope.py is what is handed over, failure.py how it can fail, backoff.py when it is tried
again, throttle.py how far apart, server.py what is known of a server, probe.py whether it would take
mail at all.
"""
