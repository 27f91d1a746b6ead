"""flask report: what became of a mailing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import Connection, true

from mailroom.cli.printed import print_json, print_line
from mailroom.database.time_limit import TookTooLong
from mailroom.ledger.mailings import mailings
from mailroom.ledger.mailings.mailings import Mailing
from mailroom.web import mailroom
from mailroom.web.api.answers import results_shown
from mailroom.web.layout.filters import duration, number
from mailroom.web.ledger_command import LedgerCommand
from mailroom.web.results import results_csv, results_pdf
from mailroom.web.results.kept import told_of
from mailroom.web.results.pictures import reason_code
from mailroom.web.results.told import Told

LINES_OF_A_KIND = 10


@click.command(cls=LedgerCommand)
@click.argument("mailing")
@click.option("--json", "as_json", is_flag=True, help="What the API answers.")
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Write CSV there; - is standard output.",
)
@click.option(
    "--pdf",
    "pdf_file",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Write a PDF there; - is standard output.",
)
@with_appcontext
def report(mailing: str, as_json: bool, csv_file: str | None, pdf_file: str | None) -> None:
    """Tell what became of MAILING: the number of its page, or its id in the API."""
    try:
        with mailroom().database.read() as connection:
            told = told_of(connection, _found(connection, mailing))
    except TookTooLong:
        raise click.ClickException("the database is too busy to count this mailing now") from None
    if csv_file:
        with click.open_file(csv_file, "w", encoding="utf-8") as file:
            file.writelines(results_csv.csv_lines(told))
    if pdf_file:
        with click.open_file(pdf_file, "wb") as file:
            file.write(results_pdf.pdf_of(told, Path(str(current_app.static_folder))))
    if as_json:
        print_json(results_shown.report(told), indent=2)
    elif not (csv_file or pdf_file):
        for line in _lines(told):
            print_line(line)


def _found(connection: Connection, named: str) -> Mailing:
    found = (
        mailings.get(connection, int(named))
        if named.isascii() and named.isdecimal() and len(named) < 19
        else mailings.by_uid(connection, named, true())
    )
    if found is None:
        raise click.ClickException(f"there is no mailing {named}")
    return found


def _lines(told: Told) -> Iterator[str]:
    yield f"{told.mailing.subject}: {told.mailing.state}"
    for figure in told.figures:
        share = "" if figure.share is None else f"{figure.share * 100:6.1f} %"
        yield f"{figure.name:<13}{number(figure.number):>12} {share}"
    took = told.results.domains.took
    if took is not None:
        yield f"half of them in {duration(took.median_ms)}, 95 % in {duration(took.p95_ms)}"
    for reason in told.results.reasons.told[:LINES_OF_A_KIND]:
        words = " ".join(filter(None, (reason_code(reason), reason.words)))
        yield f"{number(reason.number):>12}  {words}"
    for domain in told.results.domains.largest[:LINES_OF_A_KIND]:
        states = ", ".join(f"{number(count)} {state}" for state, count in domain.counts.items())
        yield f"{number(domain.total):>12}  {domain.domain}: {states}"
