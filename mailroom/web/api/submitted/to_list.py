"""Mailings of the API to a list that is kept: whoever is on it now, in one transaction."""

from __future__ import annotations

from typing import NamedTuple

from mailroom.content.content import TRANSACTIONAL
from mailroom.content.merge.plain import MergeError
from mailroom.content.recipients.parsed import Parsed
from mailroom.content.templates.for_many import with_common_values
from mailroom.engine.lists.reading import ListNotReady, parsed_of
from mailroom.ledger.people.api_keys import ApiKey
from mailroom.web import mailroom
from mailroom.web.api.errors import ApiError, Unprocessable
from mailroom.web.api.reach import ReachedList
from mailroom.web.api.requests.mailings import ToManyOrList
from mailroom.web.api.submitted.templated import common_values


class ListedPeople(NamedTuple):
    """`list_name`: what they unsubscribe from, unless the mailing says otherwise."""

    parsed: Parsed
    list_name: str


def listed_people(mailing: ToManyOrList, key: ApiKey) -> ListedPeople:
    """Of the mailing's `recipients_list`, with the values of its template. Raises ApiError."""
    assert mailing.recipients_list is not None
    with mailroom().database.read() as connection:
        found = ReachedList(mailing.recipients_list, key).find(connection)
        try:
            parsed = parsed_of(connection, found)
        except ListNotReady as reason:
            raise ApiError(409, "validation_error", f"`recipients_list`: {reason}") from None
    if not parsed.recipients:
        raise Unprocessable("`recipients_list`: Nobody is on this list.")
    list_name = mailing.list_ or ("" if mailing.purpose == TRANSACTIONAL else found.list_name)
    try:
        return ListedPeople(with_common_values(common_values(mailing, key), parsed), list_name)
    except MergeError as trouble:
        raise Unprocessable(f"`template`: {trouble}") from None
