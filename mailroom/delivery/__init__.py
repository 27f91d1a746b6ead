"""The wire: handing one message to a mail server, and what can come of it."""
