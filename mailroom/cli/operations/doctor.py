"""flask doctor: every part of the system, asked how it is."""

from __future__ import annotations

import asyncio
import time
from contextlib import closing, suppress
from datetime import UTC, datetime

import click
from flask.cli import with_appcontext
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from mailroom import __version__, files
from mailroom.database.clock import now_millis
from mailroom.database.faults import LEDGER_AWAY, what_to_do
from mailroom.engine import neighbours as engine_neighbours
from mailroom.engine.letterhead import link_place
from mailroom.engine.mailbox_watch import open_mailbox
from mailroom.imap.mailbox import MailboxTrouble
from mailroom.ledger import holding
from mailroom.ledger.holding import Hold
from mailroom.ledger.mailings import mailings
from mailroom.ledger.relays import circuit, parked_sessions
from mailroom.log import blotter
from mailroom.queue import EVICTS_NOTHING, QueueDown
from mailroom.settings import NAME_A_FOLDER, misspelt
from mailroom.smtp.failure import Failure
from mailroom.smtp.own_name import own_full_name
from mailroom.smtp.server import server_from
from mailroom.smtp.session import Session
from mailroom.supervision import cause
from mailroom.web import Mailroom, mailroom
from mailroom.web.status.checks import (
    CHECKS_PATIENCE_SECONDS,
    QUESTIONS,
    CheckFailed,
    Question,
    ask_all,
    within,
)
from mailroom.web.status.servers import parked_words

DOCTOR_PATIENCE_SECONDS = 15.0

LONG_SILENCE_MS = 30_000

CLOCKS_APART = 60
"""Seconds that two machines' clocks may differ."""

BEFORE_US = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
"""No clock that is set says so."""

SET_CLOCK = "have it set by a time server (timedatectl set-ntp true)"


def mail_server(mailroom: Mailroom) -> str:
    """Connects, encrypts and logs in as a worker does; sends nothing."""
    server = server_from(mailroom.settings, mailroom.settings.helo or own_full_name())

    async def visit() -> None:
        session = await Session.open(server)
        await session.close()

    try:
        asyncio.run(visit())
    except Failure as failure:
        raise CheckFailed(str(failure)) from None
    try:
        with mailroom.database.read() as connection:
            refused = [found for found in circuit.troubled(connection, [server.name]) if found.is_about_us]
            held = mailings.held(connection, 1)
    except LEDGER_AWAY:
        return f"{server.name} lets us in; whether it takes mail the ledger does not say"
    if refused:
        raise CheckFailed(f"{server.name} lets us in, and takes no mail from us: {refused[0].reply}")
    if held:
        raise CheckFailed(f"a mailing is paused ({held[0][1]}): {held[0][2]}")
    return f"{server.name} lets us in"


def redis(mailroom: Mailroom) -> str:
    """As /readyz asks, and with Redis' own words: this is not for strangers."""
    try:
        mailroom.queue.workers()
    except QueueDown as down:
        raise CheckFailed(f"{down}; mailings are accepted and go out when it is back") from None
    return "answers"


def redis_memory(mailroom: Mailroom) -> str:
    """Whether Redis would throw jobs away when its memory is full, without a word to anybody."""
    try:
        policy = mailroom.queue.eviction()
    except QueueDown:
        return "unknown: Redis does not answer"  # its own line says so
    if policy != EVICTS_NOTHING:
        raise CheckFailed(
            f"Redis evicts jobs when its memory is full (maxmemory-policy {policy}), and their mail waits "
            f"until it is looked for. Set it to {EVICTS_NOTHING}"
        )
    return "no job is evicted"


def written_files(mailroom: Mailroom) -> str:
    """Whether what is too large for memory has a place, and heartbeats."""
    home = mailroom.settings.home
    try:
        files.try_to_write(home / "tmp")
    except OSError as error:
        raise CheckFailed(
            f"MAILROOM_HOME ({home}) cannot be written ({error.strerror}): {NAME_A_FOLDER}"
        ) from None
    return f"all in {home}"


def neighbours(mailroom: Mailroom) -> str:
    """Whether workers of another ledger listen to the same queues."""
    try:
        found = engine_neighbours.workers(mailroom.database, mailroom.queue).neighbours
    except QueueDown:
        return "unknown: Redis does not answer"  # its own line says so
    if found:
        raise CheckFailed(engine_neighbours.words(found))
    return "no other Mailroom uses this Redis database"


def _in_its_words(name: str, question: Question) -> Question:
    """With the database's own words, once: this is not for strangers."""

    def asked(mailroom: Mailroom) -> str:
        try:
            return question(mailroom)
        except LEDGER_AWAY as error:
            if name != "ledger":
                raise CheckFailed("unknown: the ledger cannot be used") from None
            raise CheckFailed(what_to_do(error) or f"cannot be used: {cause(error)}") from None

    return asked


def _tell_of_a_hold() -> None:
    """Nothing is wrong with it; but whoever asks why no mail leaves has the answer."""
    here = mailroom()

    def present() -> Hold | None:
        with suppress(SQLAlchemyError), here.database.read() as connection:
            return holding.present(connection, here.settings.hold)
        return None  # the ledger's own line says it

    hold = within(CHECKS_PATIENCE_SECONDS, {"hold": present}).get("hold")
    if hold is not None:
        release = "; flask release lets go" if hold.may_be_released else ""
        click.echo(f"{click.style('HELD', fg='yellow')}  {'sending':<11} {hold.reason}{release}")


def parked(mailroom: Mailroom) -> str:
    """Whether the mail server keeps sessions waiting, for longer than any that is only slow."""
    with mailroom.database.read() as connection:
        waiting = parked_sessions.present(connection)
    words = "; ".join(parked_words(waiting)) or "none waits for a silent server"
    if any(there.longest_ms > LONG_SILENCE_MS for there in waiting):
        raise CheckFailed(words)
    return words


def clock(mailroom: Mailroom) -> str:
    """Whether this machine's clock, by which people are signed in, is the ledger's, by which mail goes."""
    with mailroom.database.read() as connection:
        ledger_s = connection.execute(select(now_millis())).scalar_one() / 1000
    ours = time.time()
    if min(ours, ledger_s) < BEFORE_US:
        whose = "this machine's clock" if ours < BEFORE_US else "the clock of the ledger's machine"
        raise CheckFailed(f"{whose} is years behind: {SET_CLOCK}")
    if (apart := abs(ours - ledger_s)) > CLOCKS_APART:
        raise CheckFailed(f"this machine's clock and the ledger's are {apart:,.0f} s apart: {SET_CLOCK}")
    return "agrees with the ledger's"


def unsubscribe(mailroom: Mailroom) -> str:
    """Whether links lead where mail providers follow them."""
    settings, origin = mailroom.settings, link_place(mailroom.settings).origin
    if origin.startswith("https://") or settings.local:
        return f"links lead to {origin}"
    name = "MAILROOM_UNSUBSCRIBE_URL"
    if settings.unsubscribe_url:
        raise CheckFailed(
            f"{name} is {origin}: providers unsubscribe by https only, so set it to such an address"
        )
    return f"links lead to {origin}; bulk mail wants {name} or MAILROOM_PUBLIC_URL to be an https address"


def bounces(mailroom: Mailroom) -> str:
    """Whether what comes back is read, and by which ways."""
    settings = mailroom.settings
    if settings.bounce_mailbox is not None:
        try:
            with closing(open_mailbox(settings)) as mailbox:
                unseen = len(mailbox.unseen())
        except MailboxTrouble as trouble:
            raise CheckFailed(f"the bounce mailbox cannot be used: {trouble}") from None
        return f"the bounce mailbox lets us in; {unseen:,} unseen"
    if settings.bounce_address:
        ways = "a pipe, SMTP or LMTP" if settings.lmtp else "a pipe or SMTP"
        return f"come to {settings.bounce_address}, by {ways}"
    return "go to each mail's sender: MAILROOM_BOUNCE_ADDRESS is not set"


OF_THE_DOCTOR: dict[str, Question] = {
    "redis": redis,
    "files": written_files,
    "redis memory": redis_memory,
    "neighbours": neighbours,
    "sessions": parked,
    "clock": clock,
    "unsubscribe": unsubscribe,
    "bounces": bounces,
    "mail server": mail_server,
}
"""Beside what /readyz asks, or in its place."""


@click.command()
@with_appcontext
def doctor() -> None:
    """Check every part of the system and say in plain words how it is."""
    click.echo(f"Mailroom {__version__}")
    blot = blotter(mailroom().settings.secrets)  # a server may say again what it was told
    questions = {name: _in_its_words(name, asked) for name, asked in {**QUESTIONS, **OF_THE_DOCTOR}.items()}
    checks = ask_all(mailroom(), questions, DOCTOR_PATIENCE_SECONDS)
    for check in checks:
        mark = click.style("ok  ", fg="green") if check.ok else click.style("FAIL", fg="red")
        click.echo(f"{mark}  {check.name:<11} {blot(check.why)}")
    for sentence in misspelt():
        click.echo(f"{click.style('note', fg='yellow')}  {'settings':<11} {sentence}")
    _tell_of_a_hold()
    if not all(check.ok for check in checks):
        raise SystemExit(1)
