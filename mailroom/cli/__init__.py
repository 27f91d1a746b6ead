"""The flask commands: of `mailings`, of `lists`, of what comes back (`feedback`), of `operations`.

printed.py, progress.py and recipient_file.py are of all of them.
"""

from __future__ import annotations

from flask import Flask

from mailroom.cli.feedback.bounces import bounces
from mailroom.cli.feedback.evidence import evidence, reconcile
from mailroom.cli.feedback.suppressions import suppressions
from mailroom.cli.lists import lists
from mailroom.cli.mailings.drafts import drafts
from mailroom.cli.mailings.repeats import repeats
from mailroom.cli.mailings.report import report
from mailroom.cli.mailings.send import send
from mailroom.cli.mailings.templates import templates
from mailroom.cli.operations.backup import backup, restore
from mailroom.cli.operations.db import db
from mailroom.cli.operations.doctor import doctor
from mailroom.cli.operations.hold import hold, release
from mailroom.cli.operations.relays import relays
from mailroom.cli.operations.users import users
from mailroom.cli.operations.version import version
from mailroom.web.api.commands import keys
from mailroom.web.race.command import race


def init_app(app: Flask) -> None:
    for command in (
        backup,
        bounces,
        db,
        doctor,
        drafts,
        evidence,
        hold,
        keys,
        lists,
        race,
        reconcile,
        relays,
        release,
        repeats,
        report,
        restore,
        send,
        suppressions,
        templates,
        users,
        version,
    ):
        app.cli.add_command(command)
