"""/suppressions: addresses that get no mail; look, add, take off, export."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from itertools import islice

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, session, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from mailroom.content.addresses import AddressError, parse_address
from mailroom.content.characters import without_direction
from mailroom.content.recipients.parsed import Parsed
from mailroom.content.recipients.pasted import parse_pasted
from mailroom.database.engine import Database
from mailroom.ledger import suppressions
from mailroom.ledger.people import sign_ins
from mailroom.ledger.suppressions import Suppression
from mailroom.web import mailroom
from mailroom.web.csv_export import EXPORTED_AT_ONCE, download, line, pages
from mailroom.web.layout.filters import count
from mailroom.web.request import gate

blueprint = Blueprint("suppressions", __name__)

SUPPRESSIONS_PAGE_SIZE = 100
SUPPRESSIONS_ADDED_AT_ONCE = 1_000
SUPPRESSIONS_CSV_HEADER = ("address", "reason", "note", "added_at")


@blueprint.get("/suppressions")
def page() -> Response:
    return _shown()


def _shown(bad: Parsed | None = None) -> Response:
    """`bad`: what was typed, and could not be added; the form shows it again."""
    words = request.args.get("q", "").strip()
    after = request.args.get("after")
    with mailroom().database.read() as connection:
        listed = suppressions.page(connection, after, words, SUPPRESSIONS_PAGE_SIZE + 1)
        total = suppressions.count(connection)
    body = render_template(
        "suppressions/page.html",
        listed=listed[:SUPPRESSIONS_PAGE_SIZE],
        total=total,
        words=words,
        after=after,
        next_after=listed[SUPPRESSIONS_PAGE_SIZE - 1].address_key
        if len(listed) > SUPPRESSIONS_PAGE_SIZE
        else None,
        typed=request.form,
        bad=bad,
        reasons=suppressions.REASONS,
    )
    return make_response(body, 422 if bad else 200)


@blueprint.post("/suppressions")
def add() -> Response:
    """Adds every address that was typed, or none: a list with an error in it may be the wrong list."""
    parsed = parse_pasted(request.form.get("addresses", ""))
    if parsed.problems or not parsed.recipients:
        return _shown(parsed)
    reason = request.form.get("reason", "")
    note = request.form.get("note", "").strip()[:500]
    keys, added = iter(recipient.key for recipient in parsed.recipients), 0
    while some := list(islice(keys, SUPPRESSIONS_ADDED_AT_ONCE)):
        with mailroom().database.begin() as connection:
            added += suppressions.add(
                connection, some, reason if reason in suppressions.REASONS else "manual", note
            )
    known = len(parsed.recipients) - added
    words = f"{count(added, 'address', 'addresses')} added." if added else "Nothing new."
    flash(
        words + (f" {known:,} {'was' if known == 1 else 'were'} on the list already." if known else ""),
        "good",
    )
    return redirect(url_for(".page"), 303)


@blueprint.post("/suppressions/remove")
def remove() -> Response:
    typed = request.form.get("address", "")
    with mailroom().database.begin() as connection:
        removed = suppressions.remove(connection, _key(typed))
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
        if sign_ins.find(connection, token) is None:
            abort(401)
        return suppressions.page(connection, last.address_key if last else None, limit=EXPORTED_AT_ONCE)

    yield line(SUPPRESSIONS_CSV_HEADER)
    for found in pages(database, read):
        for one in found:
            added_at = one.created_at.astimezone(UTC).isoformat(timespec="seconds")
            yield line((one.address_key, one.reason, one.note, added_at))
