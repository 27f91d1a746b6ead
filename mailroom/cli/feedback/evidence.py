"""flask evidence, flask reconcile: what a mail server's own record says of our mail."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from io import BufferedIOBase
from itertools import islice
from typing import Any, TextIO
from zoneinfo import ZoneInfo

import click
import structlog
from flask.cli import with_appcontext

from mailroom.engine.evidence.examination import Examination, Proof, Proven
from mailroom.engine.evidence.settling import settle
from mailroom.engine.feedback.facts import plain
from mailroom.engine.feedback.rules import FeedbackRules
from mailroom.engine.key_ring import KeyRing
from mailroom.feedback.relay_logs.clock import LogClock
from mailroom.feedback.relay_logs.lines import Unreadable
from mailroom.feedback.relay_logs.relay_log import RELAY_LOGS, Covered, RelayLog
from mailroom.feedback.relay_logs.trace import Trace
from mailroom.ledger.feedback.known import Known
from mailroom.ledger.feedback.reconciling import NotHeld
from mailroom.web import mailroom
from mailroom.web.csv_export import line
from mailroom.web.layout.filters import count, iso, utc
from mailroom.web.ledger_command import LedgerCommand

log = structlog.get_logger()

SHOWN_OF_EACH = 20
"""Mails that are named; --list writes all of them."""

LONGEST_LINE_SHOWN = 400

LISTED_COLUMNS = (
    "finding",
    "message_id",
    "recipient",
    "mailing",
    "delivery",
    "state",
    "time",
    "queue_id",
    "words",
)
HEADLINES = {
    Proof.HANDED_OVER: "unknown here, and the mail server took it",
    Proof.CAME_BACK: "came back, says the mail server",
    Proof.NOT_UNSENT: "believed unsent here, and the mail server took it",
    Proof.NOT_IN_LEDGER: "sent by a Mailroom, and not in this ledger",
    Proof.OTHER_RECIPIENT: "of a Message-ID of ours, and to another recipient than ours: left alone",
}


def _zone(_: click.Context, __: click.Parameter, name: str | None) -> ZoneInfo | None:
    try:
        return None if name is None else ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise click.BadParameter(
            f"there is no time zone {name}: write it like Europe/Berlin or UTC"
        ) from None


def _reads_a_record(command: Callable[..., None]) -> Callable[..., None]:
    """The arguments of both commands."""
    for part in (
        click.argument("files", nargs=-1, required=True, type=click.File("rb")),
        click.argument("kind", type=click.Choice(list(RELAY_LOGS))),
        click.option("--apply", "applies", is_flag=True, help="Change the ledger; without it nothing is."),
        click.option(
            "--client",
            "clients",
            multiple=True,
            help="Only mail that came from this address to the mail server proves anything; may be repeated.",
        ),
        click.option(
            "--time-zone",
            "zone",
            callback=_zone,
            help="Of times that name none; this machine's when left out.",
        ),
        click.option(
            "--list", "listed", type=click.File("w", encoding="utf-8"), help="Write all into a CSV file."
        ),
    ):
        command = part(command)
    return with_appcontext(command)


@click.command(cls=LedgerCommand)
@_reads_a_record
def evidence(**given: Any) -> None:
    """Settle unknown mails by the mail server's record: FILES as they were written, the oldest first, - for
    standard input. Shows what it would do; --apply does it.
    """
    examined, covered = _read(**given, reconciles=False)
    _tell_of_untraced(examined, covered)


@click.command(cls=LedgerCommand)
@_reads_a_record
def reconcile(**given: Any) -> None:
    """After flask restore: mark what the mail server's record (FILES, the oldest first) proves sent, so that
    it is not sent again. Shows what it would do; --apply does it, while sending is held.
    """
    examined, _ = _read(**given, reconciles=True)
    if examined.counts[Proof.NOT_IN_LEDGER]:
        click.echo(
            "What is not in this ledger was accepted after the backup: who sent it may be told so. "
            "It is not sent again, nor can be."
        )


def _read(
    kind: str,
    files: Sequence[BufferedIOBase],
    *,
    applies: bool,
    clients: Sequence[str],
    zone: ZoneInfo | None,
    listed: TextIO | None,
    reconciles: bool,
) -> tuple[Examination, Covered]:
    here = mailroom()
    ring, rules = KeyRing(here.database), FeedbackRules.of(here.settings)
    record = RelayLog(kind, LogClock(datetime.now(UTC), zone))
    examined = Examination(here.database, ring, clients=clients, reconciles=reconciles)
    report = _Report(examined, listed)
    refusals: list[str] = []
    try:
        for group in examined.groups(_until_unreadable(record, files, refusals)):
            report.show(group)
            if applies:
                settle(here.database, group, ring, rules, kind)
    except NotHeld:
        raise click.ClickException(
            "Sending is not held, so what is believed unsent may be on its way just now. First: flask hold"
        ) from None
    report.end(record.covered, applies=applies)
    if refusals:
        raise click.ClickException(
            f"Not all was read: {refusals[0]}. Nothing of what follows there is known."
        )
    if applies and examined.counts:
        log.info("a mail server's record settled doubts", kind=kind, **_named(examined))
    return examined, record.covered


def _until_unreadable(
    record: RelayLog, files: Iterable[BufferedIOBase], refusals: list[str]
) -> Iterator[Trace]:
    try:
        yield from record.traces(files)
    except Unreadable as unreadable:
        refusals.append(str(unreadable))


def _named(examined: Examination) -> dict[str, int]:
    return {proof.name.lower(): number for proof, number in examined.counts.items()}


class _Report:
    """What is found, line by line; of each kind the first ones, and all into a file if there is one."""

    def __init__(self, examined: Examination, listed: TextIO | None) -> None:
        self._examined = examined
        self._shown = dict.fromkeys(Proof, 0)
        self._listed = listed
        if listed is not None:
            listed.write(line(LISTED_COLUMNS))

    def show(self, group: Iterable[Proven]) -> None:
        for one in group:
            if self._listed is not None:
                self._listed.write(line(_row(one)))
            self._shown[one.proof] += 1
            if self._shown[one.proof] <= SHOWN_OF_EACH:
                click.echo(f"{one.proof}: {_about(one)}")

    def end(self, covered: Covered, *, applies: bool) -> None:
        span = ""
        if covered.since is not None and covered.until is not None:
            span = f", from {utc(covered.since)} to {utc(covered.until)}"
        click.echo(
            f"Read {count(covered.lines, 'line')}, {covered.understood:,} of them the mail server's{span}."
        )
        for proof, number in self._examined.counts.items():
            click.echo(f"{count(number, 'mail')}: {HEADLINES[proof]}.")
        if not self._examined.counts:
            click.echo("They prove nothing that the ledger does not know.")
        elif not applies:
            click.echo("Nothing was changed. To do it, add --apply.")


def _about(one: Proven) -> str:
    trace = one.trace
    when = f" at {utc(trace.at)}" if trace.at is not None else ""
    whom = ", ".join(trace.recipients) or "somebody"
    which = _delivery(one.known) if one.known else f"{whom}, {trace.message_id}"
    return plain(f"{which}: {trace.said}{when} {trace.words}", LONGEST_LINE_SHOWN)


def _delivery(known: Known) -> str:
    return f"{known.of.address_key}, mailing {known.of.mailing_id}, delivery {known.of.id} ({known.state})"


def _row(one: Proven) -> list[str]:
    trace, known = one.trace, one.known
    ids = (str(known.of.mailing_id), str(known.of.id), known.state.value) if known else ("", "", "")
    whom = known.of.address_key if known else " ".join(trace.recipients)
    when = iso(trace.at) if trace.at else ""
    return [one.proof.value, trace.message_id, whom, *ids, when, trace.queue_id, trace.words]


def _tell_of_untraced(examined: Examination, covered: Covered) -> None:
    """Hints, and no more: a record may lack a file, a machine or an hour."""
    untraced = list(islice(examined.untraced(covered), SHOWN_OF_EACH + 1))
    if not untraced:
        return
    for one in untraced[:SHOWN_OF_EACH]:
        click.echo(f"no trace: {plain(_delivery(one), LONGEST_LINE_SHOWN)}")
    click.echo(
        "Of these there is no trace, though the record covers the time of their hand-over. If all that this "
        "mail server wrote then was read, they never arrived, and sending them again makes no copy. Here "
        "nothing is done about them."
    )
