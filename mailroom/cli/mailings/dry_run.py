"""flask send --dry-run: the preflight of a mailing, for a terminal or for a program."""

from __future__ import annotations

import click

from mailroom.cli.printed import print_json, print_line
from mailroom.cli.progress import progress
from mailroom.content.preflight.kinds import PreflightFinding
from mailroom.engine.preflight.plan import PreflightPlan
from mailroom.engine.preflight.preflight import preflight
from mailroom.web import mailroom
from mailroom.web.api.answers import shown
from mailroom.web.layout.filters import count

ROWS_PRINTED = 10


def dry_run_of(plan: PreflightPlan, *, as_json: bool) -> None:
    """Prints the report: as the API answers it, or to be read."""
    known = mailroom()
    total = len(plan.recipients)
    with progress("Building", total, hidden=as_json) as tell:
        report = preflight(known.database, known.settings, plan, tell)
    if as_json:
        print_json(shown.preflight(report))
        return
    click.echo(f"Nothing was sent. {count(report.recipients, 'recipient')} would get it.")
    for finding in report.findings:
        print_line(_line(finding))


def _line(finding: PreflightFinding) -> str:
    rows = ", ".join(map(str, finding.rows[:ROWS_PRINTED]))
    more = finding.count - min(finding.count, ROWS_PRINTED)
    where = f" Rows: {rows}{f' and {more:,} more' if more else ''}." if rows else ""
    return f"  {finding.kind}: {finding.message}{where}"
