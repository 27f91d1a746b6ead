"""flask drafts: mailings that are being written."""

from __future__ import annotations

import time

import click
from sqlalchemy import Connection

from mailroom.cli.printed import print_json, print_line
from mailroom.engine.accept.acceptance import accept, answer_again
from mailroom.engine.accept.submission import NotAccepted, SubmissionRefused
from mailroom.ledger.drafts import stored
from mailroom.ledger.drafts.stored import StoredDraft
from mailroom.web import mailroom
from mailroom.web.drafts.opened import fields_of
from mailroom.web.drafts.sending import form_to_send, submission_of_draft
from mailroom.web.layout.filters import count
from mailroom.web.ledger_command import LedgerGroup

DRAFTS_PRINTED = 1_000

COMMANDS_FILES = "command"
"""The folder of uploads in which commands find a draft's files."""

drafts = LedgerGroup("drafts", help="Mailings that are being written: by their id.")


@drafts.command("list")
def show_all() -> None:
    """List all drafts that are not sent, changed last first."""
    with mailroom().database.read() as connection:
        listed = stored.page(connection, limit=DRAFTS_PRINTED)
    for one in listed:
        to = "-" if one.recipients is None else str(one.recipients)
        at = one.updated_at.isoformat(timespec="seconds")
        print_line(f"{one.uid}  {at}  {to}  {one.by or '-'}  {one.title}")


@drafts.command()
@click.argument("uid", metavar="ID")
def show(uid: str) -> None:
    """Show what stands in a draft's form, as JSON."""
    with mailroom().database.read() as connection:
        draft = _draft(connection, uid)
        fields = fields_of(connection, draft, draft.form)
    tokens = {file.token for file in draft.form.files}
    said = {
        "id": draft.uid,
        "name": draft.name,
        "fields": {
            name: values[0] if len(values) == 1 else values
            for name, values in fields.lists()
            if not tokens.issuperset(values)
        },
        "files": [{"filename": file.filename, "size": file.size} for file in draft.form.files],
        "mailing": draft.mailing_id,
    }
    print_json(said, indent=2)


@drafts.command()
@click.argument("uid", metavar="ID")
def send(uid: str) -> None:
    """Make a draft the mailing that it describes; once, however often it is sent."""
    started = time.perf_counter()
    with mailroom().database.read() as connection:
        draft = _draft(connection, uid)
        fields = fields_of(connection, draft, draft.form)
    if draft.mailing_id is not None:
        accepted = answer_again(mailroom().database, draft.mailing_id)
    else:
        form = form_to_send(draft, fields, COMMANDS_FILES)
        made = submission_of_draft(form, started)
        try:
            if form.problems:
                raise SubmissionRefused(form.problems)
            accepted = accept(mailroom().database, mailroom().queue, made)
        except SubmissionRefused as refused:
            raise click.ClickException(
                "\n".join(f"{field}: {said}" for field, said in refused.problems)
            ) from None
        except NotAccepted:
            raise click.ClickException("It is being accepted at this very moment.") from None
    again = "It was sent already: " if accepted.replayed else ""
    click.echo(f"{again}mailing {accepted.mailing_id}, {count(accepted.total, 'recipient')}.")


@drafts.command()
@click.argument("uid", metavar="ID")
def remove(uid: str) -> None:
    """Delete a draft with its versions and files. A mailing that it became stays as it was sent."""
    with mailroom().database.begin() as connection:
        draft = _draft(connection, uid)
        stored.remove(connection, draft.id)
    print_line(f"“{draft.title}” is deleted.")


def _draft(connection: Connection, uid: str) -> StoredDraft:
    found = stored.find(connection, uid)
    if found is None:
        raise click.ClickException(f"There is no draft {uid}.")
    return found
