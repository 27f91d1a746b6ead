"""Recipients of kept lists: put on one and taken off, what they consented to; import and export."""

from __future__ import annotations

import json
from collections.abc import Iterator

from flask import Response
from sqlalchemy import Connection

from mailroom.content.lists.list_values import compact
from mailroom.content.lists.newcomers import Newcomer
from mailroom.content.lists.stated_consent import StatedConsent
from mailroom.content.text.json_text import ROOM_FOR_MAILING
from mailroom.database.engine import Database
from mailroom.engine.lists import importing, removing
from mailroom.engine.lists.arrivals import ImportWish
from mailroom.ledger.lists import consent, members
from mailroom.ledger.lists.kept import KeptList
from mailroom.ledger.lists.members import Member
from mailroom.ledger.people import api_keys
from mailroom.web import mailroom
from mailroom.web.api import body
from mailroom.web.api.answers import lists as answers
from mailroom.web.api.answers.lists import changes_shown, consent_shown, recipient_shown
from mailroom.web.api.endpoints.list_refusals import told
from mailroom.web.api.errors import Unprocessable, not_found
from mailroom.web.api.operations import answer, operation
from mailroom.web.api.reach import ReachedList
from mailroom.web.api.requests import lists as asked_for
from mailroom.web.api.requests.letters import MOST_MAILING_RECIPIENTS
from mailroom.web.api.submitted import list_lines
from mailroom.web.csv_export import EXPORTED_AT_ONCE, RowsRead, parts
from mailroom.web.list_export import as_imported, lines_of_list

MOST_LISTED_FOUND = 100
"""Recipients that one answer to a search tells of: their values may be long."""


@operation(
    "GET",
    "/lists/{id}/recipients",
    scope=api_keys.READ,
    query=asked_for.ListRecipientPage,
    gives=answers.ListRecipientsAnswer,
)
def list_list_recipients(asked: ReachedList) -> Response:
    """List who is on a list.

    In the order in which they were added. A search has those first whose address begins with it, and looks
    through some 30,000 at a time for the others: while `next` is not null there may be more, even when this
    page is empty. Its `next` is for the same search alone. A search answers with 100 at most, and a page has
    fewer than `limit` where their values are long.
    """
    page = body.read_query(asked_for.ListRecipientPage)
    with mailroom().database.read_at_once() as connection:
        found = asked.find(connection)
        some, go_on = _recipients(connection, found, page)
    data = [recipient_shown(one) for one in some]
    return answer({"object": "list", "has_more": go_on is not None, "next": go_on, "data": data})


@operation(
    "POST",
    "/lists/{id}/recipients",
    scope=api_keys.SEND,
    takes=asked_for.ListRecipientRequest,
    gives=answers.ListRecipientAnswer,
)
def add_list_recipient(asked: ReachedList) -> Response:
    """Put a recipient on a list.

    Who is on it already is changed: what you give is written over what was there, and the rest stays.
    """
    one = body.read(asked_for.ListRecipientRequest)
    list_lines.as_recipient(one)
    name = one.name or one.address.name
    stated = list_lines.stated_by(one.consent)
    newcomer = Newcomer(one.address.address, name, compact(one.variables), stated)
    with told(), mailroom().database.begin_at_once() as connection:
        found = asked.find_to_change(connection)
        importing.put(connection, found, newcomer)
        member = members.find(connection, found.id, newcomer.key)
    assert member is not None
    return answer(recipient_shown(member))


@operation(
    "POST",
    "/lists/{id}/recipients/remove",
    scope=api_keys.SEND,
    takes=asked_for.TakeOffRequest,
    gives=answers.TakenOffAnswer,
)
def remove_list_recipients(asked: ReachedList) -> Response:
    """Take recipients off a list.

    With what is known of their consent. `removed`: how many of them were on it.
    """
    off = body.read(asked_for.TakeOffRequest)
    with mailroom().database.begin_at_once() as connection:
        found = asked.find_to_change(connection)
        number = removing.take_off(connection, found, [one.key for one in off.addresses])
    return answer({"object": "recipients_list", "id": found.uid, "removed": number})


@operation(
    "GET",
    "/lists/{id}/history",
    scope=api_keys.READ,
    query=asked_for.ListHistoryQuery,
    gives=answers.ConsentHistoryAnswer,
)
def get_consent_history(asked: ReachedList) -> Response:
    """What is known of somebody's consent.

    Each fact: what holds, then what held before.
    """
    address = body.read_query(asked_for.ListHistoryQuery).address
    with mailroom().database.read() as connection:
        member = members.find(connection, asked.find(connection).id, address.key)
        if member is None:
            raise not_found("Recipient")
        facts = [member.consent, *consent.history(connection, member.id)]
    data = [consent_shown(fact) for fact in facts if fact is not None]
    return answer({"object": "list", "address": member.address, "data": data})


@operation(
    "POST",
    "/lists/{id}/import",
    scope=api_keys.SEND,
    takes=asked_for.ListRecipientRequest,
    takes_many=MOST_MAILING_RECIPIENTS,
    query=asked_for.ListImportQuery,
    json_room=ROOM_FOR_MAILING,
    gives=answers.ListImportAnswer,
    errors=(409, 413),
)
def import_list(asked: ReachedList) -> Response:
    """Import recipients into a list.

    An array of them, or as `application/x-ndjson` one JSON object a line, as many as fit into a request. With
    `dry_run` it says what would change. Nobody can send to the list while it is imported.
    """
    query = body.read_query(asked_for.ListImportQuery)
    with mailroom().database.read() as connection:
        asked.find_to_change(connection)  # before all of it is read
    sent, wish = list_lines.sent_recipients(), _wish(query)
    if problems := sent.newcomers.problems():
        raise Unprocessable(body.together([f"{one.text}: {one.message}" for one in problems]))
    with told():
        with mailroom().database.read() as connection:
            found = asked.find_to_change(connection)
            if query.dry_run:
                changes = importing.plan_import(connection, found, sent.newcomers, wish)
        if not query.dry_run:
            permit = asked.find_to_change
            changes = importing.import_into(mailroom().database, found, sent.newcomers, wish, permit=permit)
    return answer(changes_shown(found.uid, changes, sent.duplicates, dry_run=query.dry_run))


@operation("GET", "/lists/{id}/export", scope=api_keys.READ, query=asked_for.ListExportQuery)
def export_list(asked: ReachedList) -> Response:
    """Everybody on a list, as JSON lines or CSV.

    Streamed, however many there are. An import takes either.
    """
    query = body.read_query(asked_for.ListExportQuery)
    with mailroom().database.read() as connection:
        found = asked.find(connection)  # while there is still a status to answer with
    database = mailroom().database
    if query.format == "csv":
        lines = lines_of_list(database, found, asked.find)
        return Response(lines, content_type="text/csv; charset=utf-8")
    return Response(_json_lines(database, asked), content_type="application/jsonl; charset=utf-8")


def _recipients(
    connection: Connection, found: KeptList, page: asked_for.ListRecipientPage
) -> tuple[list[Member], int | None]:
    if page.address is not None:
        one = members.find(connection, found.id, page.address.key)
        return ([one] if one else []), None
    if page.q.strip():
        return members.search(connection, found.id, page.q, page.after, min(page.limit, MOST_LISTED_FOUND))
    some, is_rest = members.page_of_some(connection, found.id, page.after, page.limit)
    if is_rest or not members.ids_after(connection, found.id, some[-1].id, 1):
        return some, None
    return some, some[-1].id


def _wish(query: asked_for.ListImportQuery) -> ImportWish:
    said = query.consent_at or query.consent_how or query.consent_evidence
    stated = StatedConsent(True, query.consent_at, query.consent_how, query.consent_evidence)
    return ImportWish(replaces=query.mode == "replace", consent=stated if said else None)


def _json_lines(database: Database, asked: ReachedList) -> Iterator[str]:
    """A key that ends meanwhile gets no more: the answer breaks off."""

    def read(connection: Connection, last: Member | None) -> RowsRead[Member]:
        list_id = asked.find(connection).id
        some = members.page_of_some(connection, list_id, last.id if last else None, EXPORTED_AT_ONCE)
        return RowsRead(*some)

    for some in parts(database, read):
        yield "".join(json.dumps(as_imported(one), ensure_ascii=False) + "\n" for one in some)
