"""`flask race`: the race in a terminal."""

from __future__ import annotations

import time
from datetime import datetime

import click
from flask.cli import with_appcontext

from mailroom.web import mailroom
from mailroom.web.ledger_command import LedgerCommand
from mailroom.web.race.legs import catch_up, run_next
from mailroom.web.race.record import FEWEST_MAILS, MOST_MAILS, USUAL_MAILS, Leg, Race, Races

BAR_WIDTH = 40
RACE_PATIENCE_SECONDS = 30
"""Seconds beyond the slow server's own that a queued leg may take before we give up."""


@click.command("race", cls=LedgerCommand)
@click.option(
    "--mails", type=click.IntRange(FEWEST_MAILS, MOST_MAILS), default=USUAL_MAILS, show_default=True
)
@with_appcontext
def race(mails: int) -> None:
    """Send the same mails inside a request and through the queue, and compare."""
    settings = mailroom().settings
    if not settings.slow_server:
        raise click.ClickException(
            "There is no slow mail server here. `make run` starts one: "
            "run this beside it, or open /race there."
        )
    races = Races(settings.home / "races")
    run = races.start(mails)
    click.echo(f"{mails} mails to {settings.slow_server}, first in the request, then through the queue.\n")
    while run.next_plan is not None:
        plan = run.next_plan
        click.echo(title(plan.kind, plan.sessions))
        if not run_next(mailroom().database, mailroom().queue, races, run, settings.slow_server):
            raise click.ClickException("Somebody else runs this race.")
        _report(run.legs[-1], mails)
        _wait_for_arrival(races, run)
    _summary(run)


def title(kind: str, sessions: int) -> str:
    if kind == "inline":
        return "Synchronous: Flask-Mail inside the request"
    return f"Asynchronous: through the queue, {_sessions(sessions)}"


def clock(moment: datetime) -> str:
    """The local time of day to the millisecond, with its zone."""
    local = moment.astimezone()
    return f"{local.time().isoformat('milliseconds')} {local.tzname()}"


def _sessions(number: int) -> str:
    return "1 session" if number == 1 else f"{number} sessions"


def _report(leg: Leg, mails: int) -> None:
    if leg.error:
        raise click.ClickException(leg.error)
    click.echo(f"  Process initiated at {clock(leg.initiated)}")
    click.echo(f"  Process completed at {clock(leg.completed)}")
    what = f"{mails} mails" if mails > 1 else "1 mail"
    click.echo(f"  Total time for sending {what}: {leg.seconds:.4f} s")


def _wait_for_arrival(races: Races, run: Race) -> None:
    leg = run.legs[-1]
    deadline = time.monotonic() + run.mails * 2 + RACE_PATIENCE_SECONDS
    while not leg.finished:
        if time.monotonic() > deadline:
            raise click.ClickException("The mails are accepted but not sent: does a worker run?")
        time.sleep(0.1)
        catch_up(mailroom().database, races, run)
    if leg.error:
        raise click.ClickException(leg.error)
    click.echo(f"  The last mail had arrived after {leg.arrival_seconds:.2f} s\n")


def _summary(run: Race) -> None:
    longest = max(max(leg.seconds, leg.arrival_seconds or 0) for leg in run.legs)
    click.echo("Until the page answered")
    for leg in run.legs:
        _bar(leg, leg.seconds, longest)
    click.echo("Until the last mail had arrived")
    for leg in run.legs:
        _bar(leg, leg.arrival_seconds or 0, longest)
    if run.ratio:
        click.echo(f"\nThrough the queue, the page answered {run.ratio:,.0f} times sooner.")


def _bar(leg: Leg, seconds: float, longest: float) -> None:
    name = "synchronous" if leg.kind == "inline" else f"queue, {_sessions(leg.sessions)}"
    bar = "█" * max(1, round(seconds / longest * BAR_WIDTH)) if longest else ""
    click.echo(f"  {name:<18} {bar:<{BAR_WIDTH}} {seconds:.3f} s")
