"""What the tests of the pages share: a signed-in browser, and mailings in every state."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, Table, insert, select

from mailroom.database.clock import now_millis, to_millis
from mailroom.database.engine import Database
from mailroom.ledger.mailings.contents import sliced_files_of
from mailroom.ledger.people import users
from mailroom.ledger.schema import attempts, batches, contents, deliveries, mailings, sessions
from mailroom.ledger.states import State


def way_in(app: Flask, email: str = "") -> str:
    """A path that signs a new person in."""
    with app.extensions["mailroom"].database.begin() as connection:
        user = users.add(connection, email or f"{uuid4().hex}@example.org", None)
        return f"/sign-in?token={users.make_link(connection, user.id)}"


def signed_in(app: Flask, email: str = "") -> FlaskClient:
    client = app.test_client()
    assert client.get(way_in(app, email)).status_code == 303
    return client


def ledger(app: Flask) -> Database:
    database: Database = app.extensions["mailroom"].database
    return database


def post(client: FlaskClient, path: str, page: str, **fields: str) -> Any:
    """Presses a button: the POST with the token that stands on `page`."""
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get(page).text)
    assert token, f"no form on {page}"
    return client.post(path, data={"csrf_token": token[1], **fields})


def a_mailing(database: Database, *rows: dict[str, Any], **values: Any) -> int:
    """Writes a mailing with a delivery for each of `rows`, and counters that fit."""
    now = datetime.now(UTC)
    states = [row.get("state", "queued") for row in rows]
    counted = {state: states.count(state) for state in set(states) if state != "sending"}
    values = {
        "uid": str(uuid4()),
        "kind": "individual",
        "state": "active",
        "queue": "bulk",
        "sender_address": "news@example.org",
        "subject": "The spring newsletter",
        "total": len(rows),
        "created_at": now,
        "expires_at": now + timedelta(days=2),
        **counted,
        **values,
    }
    with database.begin() as connection:
        mailing_id = _made(connection, mailings, values)
        connection.execute(
            insert(contents).values(mailing_id=mailing_id, reply_to=[], headers=[], columns=[], tags=[])
        )
        for number, row in enumerate(rows, start=1):
            address = row.get("address", f"person{number}@example.org")
            defaults = {"mailing_id": mailing_id, "address": address, "address_key": address.lower()}
            row = defaults | {"state": State.QUEUED, "updated_at": to_millis(now)} | row
            if not State(row["state"]).about.is_usual:
                row |= {"trouble": row["state"], "troubled_at": row["updated_at"]}
            connection.execute(insert(deliveries).values(row))
    return mailing_id


def _made(connection: Connection, table: Table, row: dict[str, Any]) -> int:
    """The id of a new row."""
    return int(connection.execute(insert(table).values(row).returning(table.c.id)).scalar_one())


def a_session(database: Database, worker: str = "host-1", number: int = 1) -> int:
    with database.begin() as connection:
        row = {"worker": worker, "number": number, "server": "mx:25", "opened_at": 0}
        return _made(connection, sessions, row)


def a_batch(database: Database, mailing_id: int, *, owner: str | None, lease_ms: int) -> None:
    """Puts all of the mailing into one batch whose lease ends `lease_ms` from now."""
    with database.begin() as connection:
        now = connection.execute(select(now_millis())).scalar_one()
        row = {"queue": "bulk", "size": 1, "owner": owner, "lease_until": now + lease_ms, "enqueued_at": now}
        batch_id = _made(connection, batches, row)
        mine = deliveries.update().where(deliveries.c.mailing_id == mailing_id)
        connection.execute(mine.values(batch_id=batch_id))
        connection.execute(mailings.update().where(mailings.c.id == mailing_id).values(queued=0))


class WholeFile(NamedTuple):
    filename: str
    content_type: str
    content_id: str | None
    data: bytes


def files_of(connection: Connection, mailing_id: int) -> list[WholeFile]:
    """The attachments of a mailing, in the order they were given."""
    found = sliced_files_of(connection, mailing_id)
    return [
        WholeFile(file.filename, file.content_type, file.content_id, b"".join(file.slices(65_536)))
        for file in found
    ]


def delivery_ids(database: Database, mailing_id: int) -> list[int]:
    with database.read() as connection:
        statement = select(deliveries.c.id).where(deliveries.c.mailing_id == mailing_id)
        return list(connection.execute(statement.order_by(deliveries.c.id)).scalars())


def note_attempts(database: Database, delivery_id: int, rows: Iterable[dict[str, Any]]) -> None:
    with database.begin() as connection:
        for row in rows:
            connection.execute(
                insert(attempts).values({"delivery_id": delivery_id, "server": "mx:25", **row})
            )
