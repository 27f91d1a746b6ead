"""The flask commands, a module each."""

from __future__ import annotations

from flask import Flask

from mailroom.cli.backup import backup, restore
from mailroom.cli.bounces import bounces
from mailroom.cli.db import db
from mailroom.cli.doctor import doctor
from mailroom.cli.drafts import drafts
from mailroom.cli.evidence import evidence, reconcile
from mailroom.cli.hold import hold, release
from mailroom.cli.lists import lists
from mailroom.cli.relays import relays
from mailroom.cli.repeats import repeats
from mailroom.cli.report import report
from mailroom.cli.send import send
from mailroom.cli.suppressions import suppressions
from mailroom.cli.templates import templates
from mailroom.cli.users import users
from mailroom.cli.version import version
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
