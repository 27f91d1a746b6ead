"""flask repeats: mailings that are sent again and again, by a rule."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click
from sqlalchemy import Connection

from mailroom.cli.mailings.send import send
from mailroom.cli.mailings.when import until_of, zone_option
from mailroom.cli.printed import print_line
from mailroom.content.schedule.repeat_rules import RULE_WORDS, repeat_rule
from mailroom.content.schedule.zones import short_name, zone_named, zone_names
from mailroom.engine.accept.submission import NotAccepted
from mailroom.engine.repeats import planning
from mailroom.engine.repeats.planning import MOST_TIMES, RepeatPlan
from mailroom.ledger.repeats import repeats as ledger_repeats
from mailroom.ledger.repeats import ticks
from mailroom.ledger.repeats.repeats import Repeat
from mailroom.web import mailroom
from mailroom.web.layout.filters import count
from mailroom.web.ledger_command import LedgerCommand, LedgerGroup

TICKS_PRINTED = 5
REPEATS_PRINTED = 500

repeats = LedgerGroup("repeats", help="Mailings that repeat: UID as `flask repeats list` tells it.")


@repeats.command("list")
def show_all() -> None:
    """List repeats, newest first."""
    with mailroom().database.read() as connection:
        found = ledger_repeats.page(connection, limit=REPEATS_PRINTED)
    for one in found:
        print_line(f"{one.uid}  {one.state:<8}  {_when(one.next_at, one.zone)}  {one.rule}  {one.subject}")


@repeats.command()
@click.argument("uid")
def show(uid: str) -> None:
    """Show a repeat: its rule, what is to come, and what its last ticks made."""
    with mailroom().database.read() as connection:
        found = _repeat(connection, uid)
        made = ticks.of_repeat(connection, found.id, limit=TICKS_PRINTED)
    print_line(f"{found.subject}: {count(found.total, 'recipient')}, from {found.sender}")
    click.echo(f"{found.state}; goes out {repeat_rule(found.rule).words}, {found.zone} ({found.rule})")
    for words in (found.paused_for, found.hours):
        if words:
            print_line(words)
    for at in planning.upcoming(found, TICKS_PRINTED):
        click.echo(f"next  {_when(at, found.zone)}")
    for tick in made:
        became = f"mailing {tick.mailing_id}" if tick.mailing_id is not None else tick.why
        print_line(f"was   {_when(tick.at, found.zone)}  {became}")


@click.option("--rule", required=True, help=f"When: {RULE_WORDS}.")
@click.option("--until", default="", help="No tick after this time, like 2027-12-31.")
@click.option("--times", type=click.IntRange(1, MOST_TIMES), help="So many ticks; left out: without an end.")
def add(rule: str, until: str, times: int | None, **options: Any) -> None:
    """Keep a mailing, sent by a rule; prints its uid. All else as of flask send; --at: from when on."""
    if options["dry_run"]:
        raise click.ClickException("See what is odd about it first, with: flask send --dry-run")
    zone = options["zone"]
    if not zone:
        raise click.ClickException("Say --zone, such as Europe/Berlin: the rule's times are meant in it.")
    try:
        plan = RepeatPlan(repeat_rule(rule), zone_named(zone).key, None, until_of(until, zone), times)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.get_current_context().invoke(send, **options, as_json=False, repeat_plan=plan)


@repeats.command()
@click.argument("uid")
def pause(uid: str) -> None:
    """Make no mailing until it is resumed."""
    _move(uid, "paused", ledger_repeats.pause)


@repeats.command()
@click.argument("uid")
def resume(uid: str) -> None:
    """Go on with the next tick; what was left out meanwhile is not made up for."""
    _move(uid, "resumed", planning.resume)


@repeats.command()
@click.argument("uid")
def cancel(uid: str) -> None:
    """Make no mailing any more, for good. Those that it made go on."""
    _move(uid, "canceled", ledger_repeats.cancel)


@repeats.command()
@click.argument("uid")
@click.option("--rule", default="", help=f"When: {RULE_WORDS}.")
@zone_option
@click.option("--until", default="", help="No tick after this time, like 2027-12-31.")
@click.option("--times", type=click.IntRange(1, MOST_TIMES), help="So many ticks from now on.")
def change(uid: str, rule: str, zone: str, until: str, times: int | None) -> None:
    """Give it another rule, zone or end. What is left out stays."""
    with mailroom().database.begin() as connection:
        found = _repeat(connection, uid)
        try:
            before = planning.plan_of(found, zone)
            named = before.zone
            plan = RepeatPlan(
                repeat_rule(rule) if rule else before.rule,
                named,
                before.hours,
                until_of(until, named) or before.ends_at,
                times or before.times,
            )
        except ValueError as error:
            raise click.ClickException(str(error)) from None
        if not planning.change(connection, found, plan):
            raise click.ClickException(f"It is {found.state}: that cannot be done any more.")
    click.echo("It is changed.")


@repeats.command("send")
@click.argument("uid")
def send_now(uid: str) -> None:
    """Send it once more, now, whatever its rule says."""
    with mailroom().database.read() as connection:
        found = _repeat(connection, uid)
    try:
        accepted = planning.send_now(mailroom().database, mailroom().queue, found)
    except NotAccepted:
        raise click.ClickException(f"It is {found.state}: that cannot be done any more.") from None
    except ValueError as error:
        raise click.ClickException(f"{error} See: flask repeats change --zone") from None
    click.echo(f"{mailroom().settings.public_url}/mailings/{accepted.mailing_id}")


def _move(uid: str, done: str, move: Any) -> None:
    with mailroom().database.begin() as connection:
        found = _repeat(connection, uid)
        try:
            moved = move(connection, found)
        except ValueError as error:
            raise click.ClickException(f"{error} See: flask repeats change --zone") from None
        if not moved:
            raise click.ClickException(f"It is {found.state}: that cannot be done now.")
    click.echo(f"It is {done}.")


def _repeat(connection: Connection, uid: str) -> Repeat:
    found = ledger_repeats.find(connection, uid.lower())
    if found is None:
        raise click.ClickException(f"There is no repeat {uid}; see: flask repeats list")
    return found


def _when(at: datetime | None, zone: str) -> str:
    if at is None:
        return "-"
    named = zone_named(zone if zone in zone_names() else "UTC")
    return f"{at.astimezone(named):%Y-%m-%d %H:%M} {short_name(at, named)}"


def _add_command() -> None:
    """`add` takes what `send` takes, and its own."""
    own = add.__click_params__  # type: ignore[attr-defined]
    shared = [one for one in send.params if one.name != "as_json"]
    repeats.add_command(
        LedgerCommand("add", params=[*reversed(own), *shared], callback=add, help=add.__doc__)
    )


_add_command()
