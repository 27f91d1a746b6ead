"""django-post_office, its queue in PostgreSQL where it can be had, drained by its own command.

Put in by `mail.send_many`, which its documentation recommends for many; only failures are
logged; batches as large as they are asked for, so that each process keeps its connection.
"""

from __future__ import annotations

import os
import sys

import django
from django.conf import settings
from django.core.management import call_command

from benchmarks import letter

PROCESSES = 2


def configure() -> None:
    settings.configure(
        DATABASES={"default": _database()},
        INSTALLED_APPS=["django.contrib.contenttypes", "post_office"],
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        EMAIL_BACKEND="post_office.EmailBackend",
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=int(os.environ["MAIL_PORT"]),
        POST_OFFICE={"BATCH_SIZE": 100_000, "THREADS_PER_PROCESS": 5, "LOG_LEVEL": 1},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
        LOGGING_CONFIG=None,
    )
    django.setup()


def _database() -> dict[str, object]:
    folder, name = os.environ.get("PEERS_PG_HOST"), os.environ["PEERS_DATABASE"]
    if folder:
        return {"ENGINE": "django.db.backends.postgresql", "HOST": folder, "NAME": name, "USER": "postgres"}
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": name, "OPTIONS": {"timeout": 30}}


def fill(mails: int) -> None:
    from post_office import mail

    call_command("migrate", verbosity=0)
    mail.send_many(
        [
            {
                "sender": letter.SENDER,
                "recipients": [letter.address(number)],
                "subject": letter.SUBJECT.format(**letter.values(number)),
                "message": letter.TEXT.format(**letter.values(number)),
                "html_message": letter.HTML.format(**letter.values(number)),
            }
            for number in range(mails)
        ]
    )


if __name__ == "__main__":
    configure()
    if sys.argv[1] == "fill":
        fill(int(sys.argv[2]))
    else:
        call_command("send_queued_mail", processes=PROCESSES, log_level=1)
