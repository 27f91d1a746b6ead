"""flask send: a mailing from a terminal."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, TextIO

import click
from flask.cli import with_appcontext

from mailroom.cli.mailings.accepting import accept_and_report, keep_as_repeat
from mailroom.cli.mailings.dry_run import dry_run_of
from mailroom.cli.mailings.enclosures import answered_to, attached, fingerprint, headers_of
from mailroom.cli.mailings.recipients import people_on, recipients_of, stop_at, stop_at_bad
from mailroom.cli.mailings.when import hours_of, moment_of, when_options
from mailroom.cli.mailings.written import stopped, written_in
from mailroom.content.addresses import Address, AddressError, parse_address
from mailroom.content.check import check, check_but_tags
from mailroom.content.content import BULK_PURPOSE, TRANSACTIONAL, Content
from mailroom.content.links.unsubscribe import BULK_FROM, HOW_TO_LINK, lacks_link, list_name_of
from mailroom.content.merge.plain import MergeError
from mailroom.content.recipients.parsed import Parsed, merge
from mailroom.content.recipients.table import Wishes
from mailroom.content.templates.for_many import refuse_lacking, saying, with_values
from mailroom.content.templates.template_letter import TemplateLetter
from mailroom.content.writing.layout import LAYOUTS
from mailroom.content.writing.written import Format, finished
from mailroom.engine.accept.canary_size import canary_size
from mailroom.engine.accept.submission import (
    IF_UNKNOWN_CHOICES,
    LONGEST_CANARY_WAIT,
    LONGEST_UNDO,
    Idempotency,
    Submission,
)
from mailroom.engine.preflight.plan import plan_of
from mailroom.engine.repeats.planning import RepeatPlan
from mailroom.engine.templates import NotUsable, letter_in_use
from mailroom.web import mailroom
from mailroom.web.api.idempotency import LONGEST_IDEMPOTENCY_KEY
from mailroom.web.layout.filters import count
from mailroom.web.ledger_command import LedgerCommand

COMMAND_KEYS = "command"
"""Whose idempotency keys these are."""

HOW_TO_BULK = (
    "this is transactional mail, which whoever unsubscribed gets as well and nobody can unsubscribe from. "
    "For news and invitations: --purpose bulk"
)


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
@click.option(
    "--to-list", "kept_list", default="", help="A list that is kept (see flask lists), by name or id."
)
@click.option("--sheet", default="", help="Of a workbook; by default the first that holds addresses.")
@click.option("--column", default="", help="The column of addresses: its heading, or its number from 1.")
@click.option(
    "--encoding", help="How a text file is written, such as windows-1251; needed where it is no Unicode."
)
@click.option("--leave-out", is_flag=True, help="Rows that cannot be mailed are left out.")
@click.option("--subject", default="", help="Needed, unless a template has one.")
@click.option("--text", default="", help="The text itself; - reads it from standard input.")
@click.option("--html", type=click.File(encoding="utf-8"), help="A file that holds the HTML.")
@click.option("--markdown", type=click.File(encoding="utf-8"), help="Or one that holds Markdown.")
@click.option("--mjml", type=click.File(encoding="utf-8"), help="Or one that holds MJML.")
@click.option("--layout", type=click.Choice(LAYOUTS), help="Of Markdown; the letterhead when left out.")
@click.option(
    "--template", default="", help="A published template, by its id or alias, for what is left out."
)
@click.option(
    "--attach",
    "attachments",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path),
    help="A file that goes along, or several.",
)
@click.option("--reply-to", multiple=True, help="Where answers go, if not to --from.")
@click.option("--header", "headers", multiple=True, help='A further header, like "X-Campaign: June".')
@click.option(
    "--purpose",
    type=click.Choice([BULK_PURPOSE, TRANSACTIONAL]),
    help="bulk mail carries unsubscribe links. Left out: bulk to a list that is kept, else transactional.",
)
@click.option("--list", "list_name", default="", help="Of bulk mail: the list that people unsubscribe from.")
@when_options
@click.option(
    "--undo",
    type=click.IntRange(0, LONGEST_UNDO),
    default=0,
    help="Seconds in which nobody is mailed yet, and all of it can be taken back on its page.",
)
@click.option("--canary", default="", help="So many recipients go before the others: 100, or 1%.")
@click.option(
    "--canary-wait",
    type=click.IntRange(0, LONGEST_CANARY_WAIT),
    help="Seconds until the others follow by themselves. Left out: when you let them go, on its page.",
)
@click.option(
    "--if-unknown",
    type=click.Choice(IF_UNKNOWN_CHOICES),
    default="resend",
    show_default=True,
    help="When nobody knows whether a mail arrived: send it once more, hold it, wait for evidence first.",
)
@click.option(
    "--idempotency-key",
    "key",
    default="",
    help="Words of your own: the same again with the same key, within 24 hours, sends nothing twice.",
)
@click.option("--dry-run", is_flag=True, help="Build every mail, say what is odd, send nothing.")
@click.option("--json", "as_json", is_flag=True, help="Of --dry-run: as the API answers it.")
@with_appcontext
def send(
    sender: str | None,
    to: tuple[str, ...],
    list_file: BinaryIO | None,
    kept_list: str,
    sheet: str,
    column: str,
    encoding: str | None,
    leave_out: bool,
    subject: str,
    text: str,
    html: TextIO | None,
    markdown: TextIO | None,
    mjml: TextIO | None,
    layout: str | None,
    template: str,
    attachments: tuple[Path, ...],
    reply_to: tuple[str, ...],
    headers: tuple[str, ...],
    purpose: str | None,
    list_name: str,
    at: str,
    zone: str,
    hours: str,
    undo: int,
    canary: str,
    canary_wait: int | None,
    if_unknown: str,
    key: str,
    dry_run: bool,
    as_json: bool,
    repeat_plan: RepeatPlan | None = None,
) -> None:
    """Send a mailing, as the compose page does: one mail for each recipient."""
    started = time.perf_counter()
    is_chosen = purpose is not None
    purpose = purpose or (BULK_PURPOSE if kept_list else TRANSACTIONAL)
    if list_name and purpose != BULK_PURPOSE:
        raise click.ClickException("--list needs --purpose bulk: nobody unsubscribes from other mail.")
    if as_json and not dry_run:
        raise click.ClickException("--json needs --dry-run.")
    parsed = recipients_of(to, list_file, Wishes(encoding, sheet, column))
    if kept_list:
        listed, its_name = people_on(kept_list)
        parsed = merge(parsed, listed)
        list_name = list_name or (its_name if purpose == BULK_PURPOSE else "")
    if not (dry_run or (leave_out and parsed.recipients)):
        stop_at_bad(parsed)
    letter = _letter(template) if template else TemplateLetter()
    content = Content(
        sender=_sender(sender or letter.sender or mailroom().settings.mail_default_sender),
        subject=subject,
        text=_text(text),
        reply_to=answered_to(reply_to),
        headers=headers_of(headers),
        attachments=attached(attachments),
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
    with stopped():
        content = replace(content, html=finished(content.html, written.format))
    goes_first = _canary(canary, len(parsed.recipients))
    if purpose == TRANSACTIONAL and not is_chosen and len(parsed.recipients) >= BULK_FROM:
        click.echo(f"{count(len(parsed.recipients), 'recipient')}: {HOW_TO_BULK}", err=True)
    if dry_run:
        stop_at([sentence for _, sentence in check_but_tags(content, parsed.recipients)])
        dry_run_of(plan_of(content, parsed, has_template=bool(template)), as_json=as_json)
        return
    if template:
        with _told():
            refuse_lacking(content, parsed)
    stop_at([sentence for _, sentence in check(content, parsed.columns, parsed.recipients)])
    if lacks_link(content):
        click.echo(f"Its text has no link to unsubscribe, only its header. {HOW_TO_LINK}", err=True)
    submission = Submission(
        content,
        parsed.recipients,
        parsed.columns,
        parsed.duplicates.total,
        send_at=moment_of(at, zone),
        hours=hours_of(hours, zone),
        undo=undo,
        canary=goes_first,
        canary_wait=canary_wait,
        expires_after=mailroom().settings.expires,
        if_unknown=if_unknown,
        evidence_wait=mailroom().settings.evidence_wait,
        idempotency=_idempotency(
            key, content, parsed, (at, zone, hours, undo, canary, canary_wait, if_unknown)
        ),
        started=started,
    )
    if repeat_plan is not None:
        keep_as_repeat(submission, replace(repeat_plan, hours=submission.hours))
        return
    accept_and_report(submission)


def _idempotency(
    key: str, content: Content, parsed: Parsed, others: tuple[object, ...]
) -> Idempotency | None:
    if not key:
        return None
    if len(key) > LONGEST_IDEMPOTENCY_KEY:
        raise click.ClickException(f"--idempotency-key has at most {LONGEST_IDEMPOTENCY_KEY} characters.")
    return Idempotency(COMMAND_KEYS, key, fingerprint(content, parsed.recipients, others))


@contextmanager
def _told() -> Iterator[None]:
    """Ends the command where the template does not fit."""
    try:
        yield
    except MergeError as trouble:
        stop_at([str(trouble)])


def _letter(named: str) -> TemplateLetter:
    try:
        with mailroom().database.read() as connection:
            return letter_in_use(connection, named)
    except NotUsable as reason:
        raise click.ClickException(f"--template {named}: {reason}") from None


def _text(given: str) -> str:
    """A file's name in its place would be all that its recipients read."""
    if os.path.isfile(given):
        raise click.ClickException(
            f"--text: {given} is a file. To send what is in it: --text - < {shlex.quote(given)}"
        )
    return sys.stdin.read() if given == "-" else given


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
