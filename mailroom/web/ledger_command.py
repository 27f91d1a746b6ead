"""Flask commands that need the ledger as this Mailroom knows it, and say in one line what keeps them."""

from __future__ import annotations

from typing import Any, TypeVar

import click
from click.core import ParameterSource
from flask.cli import AppGroup, ScriptInfo
from sqlalchemy.exc import SQLAlchemyError

from mailroom.database.faults import LEDGER_AWAY, what_to_do
from mailroom.files import NoTemporaryRoom
from mailroom.ledger import migrate
from mailroom.settings import leave
from mailroom.supervision import cause

T = TypeVar("T", str, tuple[str, ...])


def not_blank(context: click.Context, option: click.Parameter, value: T) -> T:
    """Callback of an option that bounds what is done: a variable that is unset in a script lifts no bound."""
    words = (value,) if isinstance(value, str) else value
    is_given = context.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE
    if is_given and not all(word.strip() for word in words):
        raise click.BadParameter("nothing stands there. Leave the option out if nothing is meant.")
    return value


class LedgerCommand(click.Command):
    """Ends with one line when the ledger does not fit, or there is no room for temporary files; not for the
    commands that mend the ledger.
    """

    def invoke(self, ctx: click.Context) -> Any:
        app = ctx.ensure_object(ScriptInfo).load_app()
        try:
            why = migrate.misfit_of(app.extensions["mailroom"].database)
        except SQLAlchemyError:
            why = None  # it is away: the command says so itself
        if why:
            leave(why)
        try:
            return super().invoke(ctx)
        except LEDGER_AWAY as error:
            leave(what_to_do(error) or f"the ledger cannot be used: {cause(error)}")
        except NoTemporaryRoom as error:
            leave(str(error))


class LedgerGroup(AppGroup):
    command_class = LedgerCommand
