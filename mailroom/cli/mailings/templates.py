"""flask templates: letters that are kept, to be sent with other values again and again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TextIO

import click
from sqlalchemy import Connection

from mailroom.cli.mailings.written import ONE_FILE
from mailroom.cli.printed import print_json, print_line
from mailroom.content.templates.template_letter import letter_of
from mailroom.content.writing.layout import LAYOUTS
from mailroom.content.writing.written import Format
from mailroom.content.writing.written_template import source_of
from mailroom.ledger.templates import stored, versions
from mailroom.ledger.templates.stored import AliasTaken, StoredTemplate
from mailroom.web import mailroom
from mailroom.web.ledger_command import LedgerGroup
from mailroom.web.templates.template_form import TemplateForm

templates = LedgerGroup("templates", help="Letters that are kept: NAMED by their id or alias.")


@templates.command("list")
def show_all() -> None:
    """List all templates, newest first."""
    for one in _each():
        state = f"version {one.published}" if one.published else "draft"
        print_line(f"{one.uid}  {state}  {one.alias or '-'}  {one.name}")


@templates.command()
@click.argument("named")
def show(named: str) -> None:
    """Show a template's draft, as JSON that `POST /templates` takes."""
    with mailroom().database.read() as connection:
        print_json(_as_json(_template(connection, named)), indent=2)


@templates.command()
@click.argument("name")
@click.option("--alias", default="", help="What programs may call it, such as order-confirmed.")
@click.option("--from", "sender", default="", help="Who it is from; left out: whoever sends says so.")
@click.option("--reply-to", default="")
@click.option("--subject", default="")
@click.option("--text", type=click.File(encoding="utf-8"), help="A file that holds the text.")
@click.option("--html", type=click.File(encoding="utf-8"), help="A file that holds the HTML.")
@click.option("--markdown", type=click.File(encoding="utf-8"), help="Or one that holds Markdown.")
@click.option("--mjml", type=click.File(encoding="utf-8"), help="Or one that holds MJML.")
@click.option("--layout", type=click.Choice(LAYOUTS), help="Of Markdown; the letterhead when left out.")
@click.option(
    "--variable", "lines", multiple=True, help='NAME, or "NAME = what stands in for a missing value".'
)
@click.option("--publish", "is_published", is_flag=True, help="Publish it at once.")
def add(
    name: str,
    alias: str,
    sender: str,
    reply_to: str,
    subject: str,
    text: TextIO | None,
    html: TextIO | None,
    markdown: TextIO | None,
    mjml: TextIO | None,
    layout: str | None,
    lines: tuple[str, ...],
    is_published: bool,
) -> None:
    """Keep a template called NAME; prints its id."""
    files = {Format.HTML: html, Format.MARKDOWN: markdown, Format.MJML: mjml}
    written = {format.value: file.read() for format, file in files.items() if file}
    if len(written) > 1:
        raise click.ClickException(ONE_FILE)
    form = TemplateForm(
        {
            "name": name,
            "alias": alias,
            "sender": sender,
            "reply_to": reply_to,
            "subject": subject,
            "text": text.read() if text else "",
            **written,
            "layout": layout or "",
            "variables": "\n".join(lines),
        }
    )
    letter = form.letter()
    if form.problems:
        raise click.ClickException("\n".join(f"{field}: {sentence}" for field, sentence in form.problems))
    try:
        with mailroom().database.begin() as connection:
            uid = stored.add(connection, form.name, letter.as_json(), alias=form.alias)
            if is_published:
                versions.publish(connection, _template(connection, uid))
    except AliasTaken:
        raise click.ClickException(f"Another template has the alias {alias}.") from None
    click.echo(uid)


@templates.command()
@click.argument("named")
def publish(named: str) -> None:
    """Make a template's draft what is sent."""
    with mailroom().database.begin() as connection:
        template = _template(connection, named)
        number = versions.publish(connection, template)
    print_line(f"Version {number} of {template.name} is what is sent.")


@templates.command()
@click.argument("named")
def remove(named: str) -> None:
    """Delete a template with its versions. What was sent with it stays as it was."""
    with mailroom().database.begin() as connection:
        template = _template(connection, named)
        stored.remove(connection, template.id)
    print_line(f"{template.name} is deleted.")


@templates.command()
def export() -> None:
    """Write all drafts to standard output, one JSON object a line."""
    for one in _each():
        print_json(_as_json(one))


def _each() -> Iterator[StoredTemplate]:
    last = None
    while True:
        with mailroom().database.read() as connection:
            one = stored.older(connection, last)
        if one is None:
            return
        yield one
        last = one.id


def _template(connection: Connection, named: str) -> StoredTemplate:
    found = stored.find(connection, named)
    if found is None:
        raise click.ClickException(f"There is no template {named}.")
    return found


def _as_json(template: StoredTemplate) -> dict[str, Any]:
    letter = letter_of(template.letter)
    source = source_of(letter)
    written = {"html": letter.html} if source is None else {source.format.value: source.source}
    said = {
        "name": template.name,
        "alias": template.alias,
        "from": letter.sender or None,
        "subject": letter.subject or None,
        **written,
        "text": (source.text if source else letter.text) or None,
        "reply_to": list(letter.reply_to),
        "variables": [
            {"key": one.key, "type": one.kind, "fallback_value": one.fallback} for one in letter.variables
        ],
    }
    return {name: value for name, value in said.items() if value is not None}
