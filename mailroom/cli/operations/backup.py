"""flask backup, flask restore: the ledger in a file, and back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
from flask.cli import with_appcontext

from mailroom import files
from mailroom.ledger import backup as ledger_backup
from mailroom.web import mailroom
from mailroom.web.layout.filters import size

A_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=A_FILE)
@with_appcontext
def backup(file: Path) -> None:
    """Write the ledger into FILE, as it is now, and check it. Mail may flow meanwhile."""
    try:
        saved = ledger_backup.save(mailroom().settings.database_url, file)
    except ledger_backup.BackupFailed as failed:
        raise click.ClickException(f"No backup was made: {failed}.") from None
    click.echo(f"{file}: {size(saved.size)}, at migration {saved.revision}, checked.")


@click.command()
@click.argument("file", type=A_FILE)
@click.option("--replace", is_flag=True, help="Also when the ledger that is there has mailings; it is kept.")
@with_appcontext
def restore(file: Path, replace: bool) -> None:
    """Make the ledger anew from FILE. Sending is held until: flask release."""
    here = mailroom()
    here.database.dispose()
    home = here.settings.home
    files.make_folder(home)
    kept = home / f"ledger-before-restore-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
    try:
        restored = ledger_backup.restore(here.settings.database_url, file, kept, replace=replace)
    except ledger_backup.BackupFailed as failed:
        raise click.ClickException(f"Not restored: {failed}.") from None
    click.echo(f"Restored from {file} (at migration {restored.revision}).")
    if restored.kept:
        click.echo(f"What was there before is kept in {restored.kept}.")
    click.echo(
        "Sending is held. What was sent since the backup the mail server's record tells: "
        "flask reconcile postfix /var/log/mail.log (or exim, opensmtpd, csv). Then let go: flask release"
    )
