"""/suppressions: addresses that get no mail, or some of it no more; look, add, import, take off, export."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from functools import partial
from io import BytesIO
from typing import Any, BinaryIO, cast

import structlog
from flask import Blueprint, flash, make_response, redirect, render_template, request, session, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from mailroom.content.addresses import AddressError, parse_address
from mailroom.content.content import LONGEST_LIST_NAME
from mailroom.content.links.unsubscribe import list_name_of
from mailroom.content.recipients.parsed import Recipient
from mailroom.content.recipients.pasted import parse_pasted
from mailroom.content.suppressions.suppression_csv import judge_suppression_csv, suppressions_in
from mailroom.content.suppressions.suppression_words import (
    LIST_OF_NOBODY,
    LONGEST_NOTE,
    WordsUnfit,
    check_words,
)
from mailroom.content.text.characters import without_direction
from mailroom.database.engine import Database
from mailroom.in_parts import in_parts
from mailroom.ledger import suppressions
from mailroom.ledger.consent.scopes import ALL_MAIL, Scope
from mailroom.ledger.suppressions import Suppression
from mailroom.web import mailroom
from mailroom.web.csv_export import EXPORTED_AT_ONCE, download, line, pages
from mailroom.web.form_problems import FormProblems
from mailroom.web.layout.filters import count
from mailroom.web.request import gate
from mailroom.web.request.searched import searched_words

blueprint = Blueprint("suppressions", __name__)

BY_A_PERSON, BY_A_FILE = "added on the page", "imported from a file"
SUPPRESSIONS_PAGE_SIZE = 100
SUPPRESSIONS_COUNTED = 10_000
"""Of more it is only said that they are more: to count millions takes longer than to show a page."""

SUPPRESSIONS_ADDED_AT_ONCE = 1_000
PROBLEMS_TOLD = 10
SUPPRESSIONS_CSV_HEADER = (
    *("address", "reason", "note", "added_at", "scope", "sender", "list", "mailing", "evidence"),
)

log = structlog.get_logger()


@blueprint.get("/suppressions")
def page() -> Response:
    return _shown(SuppressionForm())


@dataclass(slots=True)
class SuppressionForm(FormProblems):
    """What is wrong with what was typed, or with the file: nothing of it was added."""

    problems: list[tuple[str, str]] = field(default_factory=list)


def _shown(form: SuppressionForm) -> Response:
    words = searched_words()
    after = request.args.get("after")
    with mailroom().database.read() as connection:
        listed, next_after = suppressions.some(connection, words, after, SUPPRESSIONS_PAGE_SIZE)
        total = suppressions.count(connection, SUPPRESSIONS_COUNTED + 1)
    body = render_template(
        "suppressions/page.html",
        listed=listed,
        total=total,
        counted=SUPPRESSIONS_COUNTED,
        words=words,
        after=after,
        next_after=next_after,
        typed=request.form,
        form=form,
        reasons=suppressions.REASONS,
        sentences=suppressions.REASON_SENTENCES,
    )
    return make_response(body, 422 if form.problems else 200)


@blueprint.post("/suppressions")
def add() -> Response:
    """Adds every address that was typed, or none: a list with an error in it may be the wrong list."""
    form, note = SuppressionForm(), request.form.get("note", "").strip()[:LONGEST_NOTE]
    recipients = _typed_recipients(form)
    scope = _scope(form)
    for name, words in (("note", (note, "")), ("list", ("", scope.list_name))):
        try:
            check_words(*words)
        except WordsUnfit as error:
            form.refuse(name, str(error))
    if form.problems:
        return _shown(form)
    reason = request.form.get("reason", "")
    same = {
        **scope._asdict(),
        "reason": reason if reason in suppressions.REASONS else "manual",
        "note": note,
        "evidence": BY_A_PERSON,
    }
    _add(({"address_key": recipient.key, **same} for recipient in recipients), len(recipients))
    return redirect(url_for(".page"), 303)


@blueprint.post("/suppressions/import")
def import_file() -> Response:
    """Adds every line of a CSV file, or none."""
    given = request.files.get("file")
    file = cast(BinaryIO, given.stream) if given else BytesIO()
    found = judge_suppression_csv(file, suppressions.REASONS)
    if found.problems:
        form = SuppressionForm()
        for number, message in found.problems[:PROBLEMS_TOLD]:
            form.refuse("file", f"Line {number}: {message}")
        return _shown(form)
    rows = suppressions_in(file, suppressions.REASONS)
    _add(({**row._asdict(), "evidence": BY_A_FILE} for row in rows), found.total)
    return redirect(url_for(".page"), 303)


def _typed_recipients(form: SuppressionForm) -> Sequence[Recipient]:
    parsed = parse_pasted(request.form.get("addresses", ""))
    for problem in parsed.problems[:PROBLEMS_TOLD]:
        form.refuse("addresses", f"Line {problem.line}: {problem.text}: {problem.message}")
    if (more := parsed.problems.total - PROBLEMS_TOLD) > 0:
        form.refuse("addresses", f"And {more:,} more.")
    if not parsed.recipients and not parsed.problems:
        form.refuse("addresses", "Type at least one address.")
    return parsed.recipients


def _scope(form: SuppressionForm) -> Scope:
    """Whose mail is meant, and which of it."""
    typed = request.form.get("sender", "").strip()
    list_name = list_name_of(request.form.get("list", ""))[:LONGEST_LIST_NAME]
    try:
        if typed:
            return Scope(parse_address(typed).key, list_name)
        if list_name:
            form.refuse("sender", LIST_OF_NOBODY)
    except AddressError as error:
        form.refuse("sender", str(error))
    return ALL_MAIL


def _add(rows: Iterable[Mapping[str, Any]], total: int) -> None:
    """In short transactions; says what came of it. `total`: how many rows there are."""
    added = 0
    for some in in_parts(rows, SUPPRESSIONS_ADDED_AT_ONCE):
        with mailroom().database.begin() as connection:
            added += suppressions.add_rows(connection, some)
    log.info("addresses are suppressed", user=gate.user().id, number=added)
    known = total - added
    words = f"{count(added, 'address', 'addresses')} added." if added else "Nothing new."
    flash(
        words + (f" {known:,} {'was' if known == 1 else 'were'} on the list already." if known else ""),
        "good",
    )


@blueprint.post("/suppressions/remove")
def remove() -> Response:
    """In the scope that is named, or altogether."""
    typed = request.form.get("address", "")
    scope = None
    if "sender" in request.form:
        scope = Scope(request.form["sender"], request.form.get("list", ""))
    with mailroom().database.begin() as connection:
        removed = suppressions.remove(connection, _key(typed), scope)
    if removed:
        log.info(
            "an address is suppressed no more", user=gate.user().id, scope=scope.word if scope else "any"
        )
    shown = without_direction(typed)
    flash(f"{shown} may be mailed again." if removed else f"{shown} was not on the list.", "good")
    return redirect(url_for(".page", q=request.form.get("q") or None), 303)


def _key(typed: str) -> str:
    try:
        return parse_address(typed).key
    except AddressError:
        return typed.lower()


@blueprint.get("/suppressions.csv")
def as_csv() -> Response:
    return download(_lines(mailroom().database, session[gate.TOKEN]), "suppressions.csv")


def _lines(database: Database, token: str) -> Iterator[str]:
    """Who is signed out meanwhile gets no more: the file breaks off."""

    def read(connection: Connection, last: Suppression | None) -> list[Suppression]:
        place = last.place if last else None
        return gate.read_for(
            connection, token, partial(suppressions.page, after=place, limit=EXPORTED_AT_ONCE)
        )

    yield line(SUPPRESSIONS_CSV_HEADER)
    for found in pages(database, read):
        for one in found:
            yield line(row_of_suppression(one))


def row_of_suppression(one: Suppression) -> tuple[str, ...]:
    added_at = one.created_at.astimezone(UTC).isoformat(timespec="seconds")
    mailing = "" if one.mailing_id is None else str(one.mailing_id)
    scope = (one.scope.word, one.sender, one.list_name)
    return (one.address_key, one.reason, one.note, added_at, *scope, mailing, one.evidence)
