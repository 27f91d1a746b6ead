"""The race: the same mails sent inside the request and through the queue, timed side by side."""
