"""flask bounces: mail that came back, handed in by a mail server's pipe."""

from __future__ import annotations

import sys
from typing import BinaryIO

import click
import structlog
from flask.cli import with_appcontext

from mailroom.database.faults import LEDGER_AWAY
from mailroom.engine.returned_mail import ReturnedMail
from mailroom.feedback.received import MOST_READ_OCTETS
from mailroom.ledger import migrate
from mailroom.supervision import cause
from mailroom.web import mailroom

log = structlog.get_logger()

TRY_AGAIN = 75
"""EX_TEMPFAIL of sysexits.h: a mail server keeps the message, and hands it in again."""

READ_AT_ONCE = 64 * 1024


@click.group()
def bounces() -> None:
    """Mail that came back."""


@bounces.command()
@with_appcontext
def read() -> None:
    """Take one message from standard input: a bounce, a complaint, or an unsubscription.

    Exit code 0: it was taken, whatever it is; 75: it has to be handed in again.
    """
    octets = _first_of(sys.stdin.buffer)
    here = mailroom()
    try:
        if why := migrate.misfit_of(here.database):
            raise SystemExit(_later(why))
        taken = ReturnedMail(here.database, here.settings).take(octets, "pipe")
    except LEDGER_AWAY as error:
        raise SystemExit(_later(f"the ledger cannot be used: {cause(error)}")) from None
    except Exception as error:  # a message that is lost cannot be had again, and this may be mended
        log.error("a mail that came back cannot be taken", exc_info=error)
        raise SystemExit(TRY_AGAIN) from None
    click.echo(f"{taken}.")


def _later(why: str) -> int:
    click.echo(f"{why}; the message has to be handed in again", err=True)
    return TRY_AGAIN


def _first_of(stream: BinaryIO) -> bytes:
    """What is looked at; the rest is read all the same, for who writes it would break off."""
    octets = b""
    while piece := stream.read(READ_AT_ONCE):
        octets += piece[: MOST_READ_OCTETS - len(octets)]
    return octets
