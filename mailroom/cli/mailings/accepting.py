"""Acceptance of what a command made, at once or by a rule, and what the terminal is told of it."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

import click

from mailroom.cli.mailings.recipients import stop_at
from mailroom.cli.progress import progress
from mailroom.database.faults import LEDGER_AWAY
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.aftermath import aftermath
from mailroom.engine.accept.submission import (
    Accepted,
    KeyReused,
    Overtaken,
    StillUnderWay,
    Submission,
    SubmissionRefused,
)
from mailroom.engine.repeats import planning
from mailroom.engine.repeats.planning import RepeatPlan
from mailroom.ledger import holding
from mailroom.web import mailroom
from mailroom.web.layout.filters import count


def accept_and_report(submission: Submission) -> None:
    try:
        with progress("Accepting", len(submission.recipients)) as tell:
            accepted = accept(mailroom().database, mailroom().queue, submission, tell)
    except SubmissionRefused as refused:
        stop_at([sentence for _, sentence in refused.problems])
        return
    except Overtaken:
        raise click.ClickException("Not sent: this took too long and was given up. Send it again.") from None
    except KeyReused:
        raise click.ClickException(
            "Not sent: this --idempotency-key belongs to another mailing of the last 24 hours."
        ) from None
    except StillUnderWay:
        raise click.ClickException("Not sent: the same is being accepted at this very moment.") from None
    with aftermath("its report"):  # nobody may read it; a script that is told of an error sends again
        _report(accepted)


def keep_as_repeat(submission: Submission, plan: RepeatPlan) -> None:
    if not submission.recipients:
        stop_at(["Add at least one recipient."])
    try:
        click.echo(planning.keep(mailroom().database, submission, plan))
    except ValueError as error:
        raise click.ClickException(str(error)) from None


def _report(accepted: Accepted) -> None:
    here, later = mailroom(), "" if accepted.enqueued else " (sending starts when the queue is back)"
    with suppress(*LEDGER_AWAY), here.database.read() as connection:
        if hold := holding.present(connection, here.settings.hold):
            later = f" (sending is held: {hold.reason})"
    mails = count(accepted.total, "mail")
    lines = (
        f"This was sent already, and nothing was sent twice: {mails}."
        if accepted.replayed
        else f"Accepted {mails} in {accepted.ms} ms{later}",
        f"{here.settings.public_url}/mailings/{accepted.mailing_id}",
    )
    try:
        click.echo("\n".join(lines))
    except OSError:
        # What is left in the buffer would be tried again at the end, and that be the exit code.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise
