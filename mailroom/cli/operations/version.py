"""flask version: which Mailroom this is."""

from __future__ import annotations

import click

from mailroom import __version__


@click.command()
def version() -> None:
    """Say which release of Mailroom this is."""
    click.echo(f"Mailroom {__version__}")
