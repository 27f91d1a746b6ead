"""Kept lists: made, also of others and of mailings, looked at, changed, deleted."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response
from sqlalchemy import Connection

from mailroom.content.links.unsubscribe import list_name_of
from mailroom.content.lists.conditions import Condition, unknown_columns
from mailroom.engine.lists import making, removing
from mailroom.engine.lists.making import NewListName
from mailroom.ledger.lists import kept
from mailroom.ledger.lists.lease import Permit
from mailroom.ledger.lists.reach import lists_for
from mailroom.ledger.mailings import contents
from mailroom.ledger.people import api_keys
from mailroom.ledger.people.api_keys import ApiKey
from mailroom.web import mailroom
from mailroom.web.api import body
from mailroom.web.api.answers import lists as answers
from mailroom.web.api.answers.lists import list_shown
from mailroom.web.api.endpoints.list_refusals import told
from mailroom.web.api.errors import Unprocessable
from mailroom.web.api.operations import answer, api_key, operation
from mailroom.web.api.paging import Page
from mailroom.web.api.reach import Reached, ReachedList
from mailroom.web.api.requests import lists as asked_for


@operation(
    "POST",
    "/lists",
    scope=api_keys.SEND,
    takes=asked_for.KeptListRequest,
    gives=answers.KeptListAnswer,
    errors=(409,),
)
def create_list() -> Response:
    """Make a list.

    Of your program's own, with nobody on it.
    """
    asked, new = body.read(asked_for.KeptListRequest), api_key()
    with told(), mailroom().database.begin() as connection:
        api_keys.check_valid(connection, new)
        made = kept.add(
            connection,
            asked.name,
            list_name_of(asked.name),
            is_shared=asked.shared,
            program_id=new.program,
            user_id=new.user_id,
        )
    return answer(list_shown(made))


@operation(
    "GET",
    "/lists",
    scope=api_keys.READ,
    query=Page,
    gives=answers.KeptListsAnswer,
    errors=(404,),
)
def list_lists() -> Response:
    """List the lists.

    Those of your program, and those that are shared; newest first. For the next page, give the last id of
    this one as `after`.
    """
    page, reach = body.read_query(Page), lists_for(api_key())
    with mailroom().database.read() as connection:
        after, before = (_place(connection, uid) for uid in (page.after, page.before))
        found = kept.page(connection, reach, limit=page.limit + 1, after_id=after, before_id=before)
    some, more = page.shown(found)
    return answer({"object": "list", "has_more": more, "data": [list_shown(one) for one in some]})


@operation("GET", "/lists/{id}", scope=api_keys.READ, gives=answers.KeptListAnswer)
def get_list(asked: ReachedList) -> Response:
    """Look at a list."""
    with mailroom().database.read() as connection:
        return answer(list_shown(asked.find(connection)))


@operation(
    "PATCH",
    "/lists/{id}",
    scope=api_keys.SEND,
    takes=asked_for.KeptListUpdateRequest,
    gives=answers.KeptListAnswer,
    errors=(409,),
)
def update_list(asked: ReachedList) -> Response:
    """Rename a list, or share it."""
    change = body.read(asked_for.KeptListUpdateRequest)
    given, values = change.model_fields_set, dict[str, Any]()
    if "name" in given:
        values |= {"name": change.name, "list_name": list_name_of(change.name)}
    if "shared" in given:
        values["is_shared"] = change.shared
    with told(), mailroom().database.begin() as connection:
        changed = kept.change(connection, asked.find_to_change(connection), **values)
    return answer(list_shown(changed))


@operation("DELETE", "/lists/{id}", scope=api_keys.SEND, gives=answers.RemovedListAnswer, errors=(409,))
def delete_list(asked: ReachedList) -> Response:
    """Delete a list.

    With everybody on it, and what is known of their consent. What was sent to them stays.
    """
    with mailroom().database.read() as connection:
        found = asked.find_to_change(connection)
    with told():
        removing.remove_list(mailroom().database, found, asked.find_to_change)
    return answer({"object": "recipients_list", "id": found.uid, "deleted": True})


@operation(
    "POST",
    "/lists/from-list",
    scope=api_keys.SEND,
    takes=asked_for.ListFromListRequest,
    gives=answers.KeptListAnswer,
    errors=(404, 409),
)
def make_list_from_list() -> Response:
    """Make a list of some who are on another.

    Of those for whom all conditions hold, with their variables and the consent that holds.
    """
    asked, key = body.read(asked_for.ListFromListRequest), api_key()
    conditions = [Condition(one.column, one.how, one.value) for one in asked.where]
    with mailroom().database.read() as connection:
        source = ReachedList(asked.list_, key).find(connection)
    if unknown := unknown_columns(conditions, source.columns):
        raise Unprocessable(f"`where`: The list has no column {unknown[0]}.")
    with told():
        made = making.from_list(mailroom().database, source, conditions, _new(asked.name), _permit(key))
    return answer(list_shown(made))


@operation(
    "POST",
    "/lists/from-mailing",
    scope=api_keys.SEND,
    takes=asked_for.ListFromMailingRequest,
    gives=answers.KeptListAnswer,
    errors=(404, 409),
)
def make_list_from_mailing() -> Response:
    """Make a list of a mailing's recipients.

    Of those who have this outcome now, with the variables that they had.
    """
    asked, key = body.read(asked_for.ListFromMailingRequest), api_key()
    with mailroom().database.read() as connection:
        mailing_id = Reached(asked.mailing, key).find_id(connection)
        content = contents.of(connection, mailing_id)
    columns = content.columns if content else ()
    with told():
        made = making.from_mailing(
            mailroom().database, mailing_id, asked.outcome, columns, _new(asked.name), _permit(key)
        )
    return answer(list_shown(made))


def _permit(key: ApiKey) -> Permit:
    """As long as the key is active."""
    return lambda connection: api_keys.check_valid(connection, key)


def _new(name: str) -> NewListName:
    key = api_key()
    return NewListName(name, list_name_of(name), key.program, key.user_id)


def _place(connection: Connection, uid: UUID | None) -> int | None:
    """Where an id of the query stands in the list."""
    return None if uid is None else ReachedList(uid, api_key()).find(connection).id
