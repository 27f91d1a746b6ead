"""A list as a whole: all of them, a new one, changed, made of others, removed."""

from __future__ import annotations

import click

from mailroom.cli.lists.group import list_named, lists, new_name, told
from mailroom.cli.printed import print_line
from mailroom.content.lists.conditions import Comparison, Condition, unknown_columns
from mailroom.engine.lists import making, removing
from mailroom.ledger.deliveries.outcomes import OUTCOMES
from mailroom.ledger.lists import kept
from mailroom.ledger.mailings import contents, mailings
from mailroom.web import mailroom
from mailroom.web.layout.filters import count

LISTED_AT_ONCE = 100


@lists.command("list")
def show_all() -> None:
    """List all lists, newest first."""
    last = None
    while True:
        with mailroom().database.read() as connection:
            some = kept.page(connection, limit=LISTED_AT_ONCE, after_id=last)
        for one in some:
            print_line(f"{one.uid}  {one.total:>9,}  {one.name}")
        if len(some) < LISTED_AT_ONCE:
            return
        last = some[-1].id


@lists.command()
@click.argument("name")
@click.option("--shared", is_flag=True, help="Programs with an API key may send to it, and read it.")
def add(name: str, shared: bool) -> None:
    """Keep a new list called NAME; prints its id."""
    with told(), mailroom().database.begin() as connection:
        new = new_name(name)
        click.echo(kept.add(connection, new.name, new.list_name, is_shared=shared).uid)


@lists.command()
@click.argument("named")
@click.option("--name", help="A new name.")
@click.option("--shared/--not-shared", default=None, help="Whether programs may send to it, and read it.")
def change(named: str, name: str | None, shared: bool | None) -> None:
    """Rename a list, or share it."""
    with told(), mailroom().database.begin() as connection:
        found, values = list_named(connection, named), dict[str, object]()
        if name is not None:
            new = new_name(name)
            values |= {"name": new.name, "list_name": new.list_name}
        if shared is not None:
            values["is_shared"] = shared
        kept.change(connection, found, **values)
    click.echo("Changed.")


@lists.command()
@click.argument("named")
def remove(named: str) -> None:
    """Remove a list with everybody on it. What was sent to them stays."""
    with told():
        with mailroom().database.read() as connection:
            found = list_named(connection, named)
        removing.remove_list(mailroom().database, found)
    print_line(f"{found.name} is removed.")


@lists.command("from-list")
@click.argument("named")
@click.argument("name")
@click.option(
    "--where",
    "wheres",
    multiple=True,
    metavar='"COLUMN HOW VALUE"',
    help=f"HOW is {', '.join(Comparison)}. Several: all of them must hold.",
)
def from_list(named: str, name: str, wheres: tuple[str, ...]) -> None:
    """Make a new list NAME of those on a list for whom all conditions hold."""
    conditions = [_condition(where) for where in wheres]
    with told():
        with mailroom().database.read() as connection:
            found = list_named(connection, named)
        if unknown := unknown_columns(conditions, found.columns):
            raise click.ClickException(f"The list has no column {unknown[0]}.")
        made = making.from_list(mailroom().database, found, conditions, new_name(name))
    print_line(f"{count(made.total, 'recipient')} on {made.name}.")


@lists.command("from-mailing")
@click.argument("mailing_id", type=int)
@click.argument("name")
@click.option("--outcome", type=click.Choice(OUTCOMES), required=True)
def from_mailing(mailing_id: int, name: str, outcome: str) -> None:
    """Make a new list NAME of those recipients of a mailing (its number) who have this outcome."""
    with told():
        with mailroom().database.read() as connection:
            if mailings.get(connection, mailing_id) is None:
                raise click.ClickException(f"There is no mailing {mailing_id}.")
            content = contents.of(connection, mailing_id)
        columns = content.columns if content else ()
        made = making.from_mailing(mailroom().database, mailing_id, outcome, columns, new_name(name))
    print_line(f"{count(made.total, 'recipient')} on {made.name}.")


def _condition(where: str) -> Condition:
    column, _, rest = where.strip().partition(" ")
    how, _, value = rest.strip().partition(" ")
    if how not in list(Comparison):
        raise click.ClickException(f'--where "{where}": write it like "city is Berlin".')
    return Condition(column, Comparison(how), value.strip())
