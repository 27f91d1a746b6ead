"""A process that watches the bounce mailbox, to be killed."""

from __future__ import annotations

import time

from mailroom.database.engine import Database
from mailroom.engine.mailbox_watch import MailboxWatch
from mailroom.settings import load


def main() -> None:
    settings = load()
    MailboxWatch(Database(settings.database_url), settings).start()
    time.sleep(60)


if __name__ == "__main__":
    main()
