"""flask send: a mailing from a terminal."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import BinaryIO, TextIO

import click
from flask.cli import with_appcontext

from mailroom.cli.dry_run import dry_run_of
from mailroom.cli.recipient_file import FileUnsure, seekable, sure_encoding
from mailroom.cli.when import hours_of, moment_of, when_options
from mailroom.cli.written import stopped, written_in
from mailroom.content.addresses import Address, AddressError, parse_address
from mailroom.content.check import check, check_but_tags
from mailroom.content.content import BULK_PURPOSE, TRANSACTIONAL, Content
from mailroom.content.merge.plain import MergeError
from mailroom.content.recipients.list_file import parse_file
from mailroom.content.recipients.parsed import Parsed, merge
from mailroom.content.recipients.pasted import parse_pasted
from mailroom.content.recipients.table import Wishes
from mailroom.content.templates.for_many import refuse_lacking, saying, with_values
from mailroom.content.templates.template_letter import TemplateLetter
from mailroom.content.unsubscribe import HOW_TO_LINK, lacks_link, list_name_of
from mailroom.content.writing.layout import LAYOUTS
from mailroom.content.writing.written import Format, finished
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.aftermath import aftermath
from mailroom.engine.accept.canary_size import canary_size
from mailroom.engine.accept.draft import (
    IF_UNKNOWN_CHOICES,
    LONGEST_CANARY_WAIT,
    Accepted,
    Draft,
    DraftRefused,
    Overtaken,
)
from mailroom.engine.preflight.plan import plan_of
from mailroom.engine.templates import NotUsable, letter_in_use
from mailroom.web import mailroom
from mailroom.web.layout.filters import count
from mailroom.web.ledger_command import LedgerCommand


@click.command(cls=LedgerCommand)
@click.option("--from", "sender", help="Who it is from; MAIL_DEFAULT_SENDER when left out.")
@click.option("--to", multiple=True, help="A recipient, or several.")
@click.option(
    "--recipients",
    "--csv",
    "list_file",
    type=click.File("rb"),
    help="A file of recipients: XLSX, XLS, ODS, CSV, vCard; - reads it from standard input.",
)
@click.option("--sheet", default="", help="Of a workbook; by default the first that holds addresses.")
@click.option("--column", default="", help="The column of addresses: its heading, or its number from 1.")
@click.option(
    "--encoding", help="How a text file is written, such as windows-1251; needed where it is no Unicode."
)
@click.option("--subject", default="", help="Needed, unless a template has one.")
@click.option(
    "--template", default="", help="A published template, by its id or alias, for what is left out."
)
@click.option("--text", default="", help="The text; - reads it from standard input.")
@click.option(
    "--purpose",
    type=click.Choice([BULK_PURPOSE, TRANSACTIONAL]),
    default=TRANSACTIONAL,
    show_default=True,
    help="bulk mail carries unsubscribe links.",
)
@click.option("--list", "list_name", default="", help="Of bulk mail: the list that people unsubscribe from.")
@click.option(
    "--if-unknown",
    type=click.Choice(IF_UNKNOWN_CHOICES),
    default="resend",
    show_default=True,
    help="When nobody knows whether a mail arrived: send it once more, hold it, wait for evidence first.",
)
@click.option("--canary", default="", help="So many recipients go before the others: 100, or 1%.")
@click.option(
    "--canary-wait",
    type=click.IntRange(0, LONGEST_CANARY_WAIT),
    help="Seconds until the others follow by themselves. Left out: when you let them go, on its page.",
)
@when_options
@click.option("--html", type=click.File(encoding="utf-8"), help="A file that holds the HTML.")
@click.option("--markdown", type=click.File(encoding="utf-8"), help="Or one that holds Markdown.")
@click.option("--mjml", type=click.File(encoding="utf-8"), help="Or one that holds MJML.")
@click.option("--layout", type=click.Choice(LAYOUTS), help="Of Markdown; the letterhead when left out.")
@click.option("--dry-run", is_flag=True, help="Build every mail, say what is odd, send nothing.")
@click.option("--json", "as_json", is_flag=True, help="Of --dry-run: as the API answers it.")
@with_appcontext
def send(
    sender: str | None,
    to: tuple[str, ...],
    list_file: BinaryIO | None,
    sheet: str,
    column: str,
    encoding: str | None,
    subject: str,
    template: str,
    text: str,
    html: TextIO | None,
    markdown: TextIO | None,
    mjml: TextIO | None,
    layout: str | None,
    purpose: str,
    list_name: str,
    dry_run: bool,
    as_json: bool,
    if_unknown: str,
    canary: str,
    canary_wait: int | None,
    at: str,
    zone: str,
    hours: str,
) -> None:
    """Send a mailing, as the compose page does: one mail for each recipient."""
    started = time.perf_counter()
    if list_name and purpose != BULK_PURPOSE:
        raise click.ClickException("--list needs --purpose bulk: nobody unsubscribes from other mail.")
    if as_json and not dry_run:
        raise click.ClickException("--json needs --dry-run.")
    parsed = _recipients(to, list_file, Wishes(encoding, sheet, column))
    if not dry_run:
        _stop_at_bad(parsed)
    letter = _letter(template) if template else TemplateLetter()
    content = Content(
        sender=_sender(sender or letter.sender or mailroom().settings.mail_default_sender),
        subject=subject,
        text=sys.stdin.read() if text == "-" else text,
        purpose=purpose,
        list_name=list_name_of(list_name),
    )
    files = {Format.HTML: html, Format.MARKDOWN: markdown, Format.MJML: mjml}
    with stopped():
        written = written_in(files, content.text, layout, content.sender, letter if template else None)
    content = replace(content, text=written.own.text or "", html=written.own.html or "")
    if template:
        with _told():
            content, parsed = saying(letter, content), with_values(letter, parsed)
    content = replace(content, html=finished(content.html, written.format))
    goes_first = _canary(canary, len(parsed.recipients))
    if dry_run:
        _stop_at([sentence for _, sentence in check_but_tags(content, parsed.recipients)])
        dry_run_of(plan_of(content, parsed, has_template=bool(template)), as_json=as_json)
        return
    if template:
        with _told():
            refuse_lacking(content, parsed)
    _stop_at([sentence for _, sentence in check(content, parsed.columns, parsed.recipients)])
    if lacks_link(content):
        click.echo(f"Its text has no link to unsubscribe, only its header. {HOW_TO_LINK}", err=True)
    draft = Draft(
        content,
        parsed.recipients,
        parsed.columns,
        parsed.duplicates.total,
        send_at=moment_of(at, zone),
        hours=hours_of(hours, zone),
        canary=goes_first,
        canary_wait=canary_wait,
        expires_after=mailroom().settings.expires,
        if_unknown=if_unknown,
        evidence_wait=mailroom().settings.evidence_wait,
        started=started,
    )
    try:
        accepted = accept(mailroom().database, mailroom().queue, draft)
    except DraftRefused as refused:
        _stop_at([sentence for _, sentence in refused.problems])
        return
    except Overtaken:
        raise click.ClickException("Not sent: this took too long and was given up. Send it again.") from None
    with aftermath("its report"):  # nobody may read it; a script that is told of an error sends again
        _report(accepted)


def _report(accepted: Accepted) -> None:
    later = "" if accepted.enqueued else " (sending starts when the queue is back)"
    lines = (
        f"Accepted {count(accepted.total, 'mail')} in {accepted.ms} ms{later}",
        f"{mailroom().settings.public_url}/mailings/{accepted.mailing_id}",
    )
    try:
        click.echo("\n".join(lines))
    except OSError:
        # What is left in the buffer would be tried again at the end, and that be the exit code.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def _recipients(to: tuple[str, ...], list_file: BinaryIO | None, wishes: Wishes) -> Parsed:
    parsed = parse_pasted("\n".join(to))
    if list_file:
        with seekable(list_file) as data:
            try:
                encoding = sure_encoding(data, wishes.encoding)
            except FileUnsure as unsure:
                _stop_at(unsure.problems)
                raise
            listed = parse_file(data, replace(wishes, encoding=encoding))
            _stop_at([listed.refusal] if listed.refusal else [])
            parsed = merge(parsed, listed)
    return parsed


def _stop_at_bad(parsed: Parsed) -> None:
    more = parsed.problems.total - len(parsed.problems)
    _stop_at(
        [
            *(f"{problem.text}: {problem.message}".removeprefix(": ") for problem in parsed.problems),
            *([f"and {more:,} more"] if more else []),
        ]
    )


@contextmanager
def _told() -> Iterator[None]:
    """Ends the command where the template does not fit."""
    try:
        yield
    except MergeError as trouble:
        _stop_at([str(trouble)])


def _letter(named: str) -> TemplateLetter:
    try:
        with mailroom().database.read() as connection:
            return letter_in_use(connection, named)
    except NotUsable as reason:
        raise click.ClickException(f"--template {named}: {reason}") from None


def _sender(text: str | None) -> Address:
    try:
        return parse_address(text or "")
    except AddressError as error:
        raise click.ClickException(f"--from: {error}") from None


def _canary(wish: str, recipients: int) -> int:
    try:
        return canary_size(wish, recipients) if wish else 0
    except ValueError as error:
        raise click.ClickException(f"--canary: {error}") from None


def _stop_at(problems: list[str]) -> None:
    if problems:
        raise click.ClickException("Not sent.\n" + "\n".join(f"  {problem}" for problem in problems))
