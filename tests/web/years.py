"""A ledger that has been used for years, in little: of all that grows there is as much as is asked for.

What pages look for is what is hard to find: a single one, and the oldest.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, insert, text

from mailroom.database.clock import from_millis
from mailroom.database.engine import Database
from mailroom.engine.lists.importing import row_of_member
from mailroom.ledger.lists import kept, members
from mailroom.ledger.mailings import sums
from mailroom.ledger.people import api_keys, users
from mailroom.ledger.schema import (
    attempts,
    consent_facts,
    contents,
    deliveries,
    idempotency_keys,
    mailings,
    reports,
    sessions,
    strikes,
    suppressions,
    webhook_calls,
)
from mailroom.ledger.states import MailingState, State
from mailroom.ledger.webhooks import webhook_endpoints

APART = 128
"""Between the ids of two deliveries: so a few thousand of them have several blocks."""

DAY_MS = 86_400_000


class Years(NamedTuple):
    """What there is to be looked for. `large`: a mailing to as many; `last`: its last delivery."""

    large: int
    last: int
    keys: dict[str, str]
    endpoint: int
    list: str
    member: int


def uid_of(mailing_id: int) -> str:
    return f"{mailing_id:08x}-0000-4000-8000-{mailing_id:012x}"


def fill(database: Database, number: int, user_email: str, *, with_statistics: bool) -> Years:
    """`number` single mails of a program, and a mailing to as many."""
    now, large = int(time.time() * 1000), number + 1
    with database.begin() as connection:
        user, away = (users.add(connection, name, None) for name in (user_email, "away@example.org"))
        made = {
            name: api_keys.add(connection, name, scopes=[scope], rate="1000000/second")
            for name, scope in (("busy", "read"), ("quiet", "read"), ("admin", "admin"))
        }
        busy, quiet = made["busy"][1], made["quiet"][1]
        endpoint = webhook_endpoints.add(connection, "https://hooks.example/x", ["email.sent"])
        listed = kept.add(connection, "Digest", "digest")
        for table, rows in (
            (mailings, (_mailing(id, now, busy, quiet) for id in range(1, number + 1))),
            (mailings, [_large(large, number, now, user.id)]),
            (contents, map(_content, range(1, large + 1))),
            (sessions, (_session(id, now) for id in range(1, number // 100 + 2))),
            (deliveries, (_delivery(place, number, now) for place in range(1, 2 * number + 1))),
            (attempts, (_attempt(place, now) for place in range(1, 2 * number + 1) if place % 50 == 0)),
            (reports, (_report(place, number, now) for place in range(1, 2 * number + 1) if place % 50 == 1)),
            (suppressions, (_suppression(place, large, now) for place in range(number))),
            (
                strikes,
                ({"address_key": f"s{one}@x.example", "number": 1, "last_at": now} for one in range(number)),
            ),
            (idempotency_keys, (_key(one, busy, now) for one in range(number))),
            (webhook_calls, (_call(one, endpoint, now) for one in range(number))),
        ):
            _insert(connection, table, rows)
        new = [
            row_of_member(listed.id, f"m{one}@mail.example", "Ann", {"city": "Köln"}, None, now)
            for one in range(number)
        ]
        members.add(connection, listed.id, new)
        first = members.ids_after(connection, listed.id, 0, 1)[0]
        facts = (
            {"member_id": first, "given": True, "at": now, "how": "", "evidence": "", "noted_at": now},
        ) * 3
        _insert(connection, consent_facts, facts)
        if with_statistics:
            connection.execute(text("ANALYZE"))
        assert away.id != user.id
    while (block := _next_block(database)) is not None:
        with database.begin() as connection:
            sums.keep(connection, block, sums.add_up(connection, block))
    keys = {name: key for name, (key, _) in made.items()}
    return Years(large, 2 * number * APART, keys, endpoint, listed.uid, first)


def _next_block(database: Database) -> int | None:
    with database.read() as connection:
        return sums.next_block(connection)


def _insert(connection: Connection, table: Table, rows: Any) -> None:
    connection.execute(insert(table), list(rows))


def _mailing(id: int, now: int, busy: int, quiet: int) -> dict[str, Any]:
    is_held = id == 2
    return {
        "uid": uid_of(id),
        "kind": "shared",
        "state": MailingState.PAUSED if is_held else MailingState.DONE,
        "queue": "urgent",
        "program_id": quiet if id == 1 else busy,
        "sender_address": "shop@example.org",
        "subject": f"Receipt {id}",
        "message_id": f"<{id}@their.example>",
        "total": 1,
        "sent": 0 if is_held else 1,
        "queued": 1 if is_held else 0,
        "held_for": "the sender is refused" if is_held else None,
        "created_at": from_millis(now - DAY_MS),
        "expires_at": from_millis(now + DAY_MS),
        "started_at": from_millis(now - DAY_MS),
        "ended_at": None if is_held else from_millis(now - DAY_MS),
    }


def _large(id: int, number: int, now: int, user_id: int) -> dict[str, Any]:
    troubled = number // 50
    same = {name: value for name, value in _mailing(id, now, 0, 0).items() if name != "message_id"}
    same |= {"kind": "individual", "queue": "bulk", "program_id": None, "user_id": user_id, "total": number}
    same |= {"sent": number - 2 * troubled, "failed": troubled, "bounced": troubled}
    return same | {"subject": "Letter", "purpose": "bulk", "list_name": "digest"}


def _content(mailing_id: int) -> dict[str, Any]:
    same: dict[str, Any] = {name: [] for name in ("reply_to", "headers", "columns", "tags")}
    return {**same, "mailing_id": mailing_id, "text": "Hello", "html": "<p>Hello</p>"}


def _session(id: int, now: int) -> dict[str, Any]:
    return {"id": id, "worker": "w", "number": 1, "server": "mx:25", "opened_at": now - DAY_MS}


def _delivery(place: int, number: int, now: int) -> dict[str, Any]:
    state = {0: State.FAILED, 1: State.BOUNCED}.get(place % 50, State.SENT)
    if place == 2:
        state = State.QUEUED
    is_unusual, at = not state.about.is_usual, now - DAY_MS + place
    address = f"person{place * 7919 % (2 * number)}@mail{place % 50}.example"
    return {
        "id": place * APART,
        "mailing_id": min(place, number + 1),
        "address": address,
        "address_key": address,
        "name": f"Ann Lee {place % 1_000}" if place % 3 == 0 else "",
        "state": state,
        "attempts": 1,
        "code": 250,
        "reply": f"2.0.0 Ok: queued as {place}",
        "batch_id": None if is_unusual or place == 2 else place // 100 + 1,
        "session_id": place // 200 + 1,
        "marked_at": at,
        "dated_at": at,
        "updated_at": at,
        "trouble": state if is_unusual else None,
        "troubled_at": at if is_unusual else None,
        "due_at": now if place == 2 else None,
    }


def _attempt(place: int, now: int) -> dict[str, Any]:
    said = {"server": "mx:25", "stage": "rcpt", "outcome": State.FAILED, "code": 550, "reply": "5.1.1 No"}
    return {"delivery_id": place * APART, "at": now, "batch_id": place // 100 + 1, **said}


def _report(place: int, number: int, now: int) -> dict[str, Any]:
    return {
        "key": f"k{place}",
        "kind": "bounced",
        "way": "pipe",
        "delivery_id": place * APART,
        "mailing_id": min(place, number + 1),
        "address": "a@mail.example",
        "received_at": now,
        "status": "5.1.1",
        "words": "gone",
        "reporter": "mx",
        "is_transient": False,
        "raw": b"raw",
        "unmatched": "",
        "is_open": False,
        "taken_at": now - DAY_MS,
    }


def _suppression(place: int, large: int, now: int) -> dict[str, Any]:
    of = (
        {"mailing_id": large, "delivery_id": 1}
        if place % 100 == 0
        else {"mailing_id": None, "delivery_id": None}
    )
    said = {"reason": "unsubscribed", "created_at": from_millis(now), "sender": "", "list_name": ""}
    return {"address_key": f"gone{place}@mail.example", **said, **of}


def _key(place: int, program: int, now: int) -> dict[str, Any]:
    return {"scope": f"key:{program}", "key": f"k{place}", "fingerprint": "f", "created_at": from_millis(now)}


def _call(place: int, endpoint: int, now: int) -> dict[str, Any]:
    """The first one failed."""
    return {
        "endpoint_id": endpoint,
        "type": "email.sent",
        "mailing_id": 1,
        "delivery_id": APART,
        "at": now - DAY_MS,
        "state": "done" if place else "failed",
        "expires_at": now,
        "ended_at": now - DAY_MS,
    }


def paths(of: Years) -> Iterator[str]:
    """Pages, and first parts of files. A report counts all of its mailing, and is left out."""
    yield from ("/", "/mailings", f"/mailings?before={of.large // 2}", "/calendar", "/repeats", "/drafts")
    yield from ("/templates", "/keys", "/settings", "/metrics", "/reports", "/reports.csv", "/attention")
    yield from (f"/attention?state={state}" for state in ("failed", "bounced", "unknown", "deferred"))
    for words in ("person77@mail3.example", "person1", "person", "lee+77", "zzyzx", "receipt"):
        yield f"/mailings?q={words}"
        yield f"/mailings?q={words}&recipients={of.last // 2}&mailings={of.large // 2}"
    yield f"/mailings?q=zzyzx&older={of.last // 2}"
    large = f"/mailings/{of.large}"
    yield from (large, f"{large}?after={of.last - 20 * APART}", f"{large}/progress", f"{large}/letter")
    yield from (f"{large}?state={state.value}" for state in State)
    yield from (
        f"{large}/deliveries.csv",
        *(f"{large}/deliveries.csv?state={s}" for s in ("queued", "failed")),
    )
    yield from (
        f"{large}/deliveries/{of.last}",
        f"{large}/deliveries/{of.last}/letter",
        f"{large}/reports.csv",
    )
    yield from ("/mailings/2", "/mailings/5", f"/?mailing={of.large}", "/suppressions", "/suppressions.csv")
    yield from (f"/suppressions?q={words}" for words in ("gone1", "zzz", "gone77@mail.example"))
    its = f"/lists/{of.list}"
    yield from ("/lists", its, f"{its}?q=m1", f"{its}?q=zzz", f"{its}/list.csv", f"{its}/import")
    yield f"{its}/recipients/{of.member}"
    hook = f"/webhooks/{of.endpoint}"
    yield from ("/webhooks", hook, *(f"{hook}?state={state}" for state in ("waiting", "done", "failed")))


def asked(of: Years) -> Iterator[tuple[str, str]]:
    """What programs ask for: by which key."""
    middle, large = uid_of(of.large // 2), uid_of(of.large)
    yield from (
        ("busy", "/emails"),
        ("busy", f"/emails?after={middle}"),
        ("busy", f"/emails?before={middle}"),
    )
    yield from (("quiet", "/emails"), ("admin", "/emails"), ("admin", f"/emails?after={middle}"))
    yield from (("busy", f"/emails/{middle}"), ("admin", f"/mailings/{large}"))
    yield from (
        ("admin", f"/mailings/{large}/deliveries?state={one}") for one in ("queued", "failed", "sent")
    )
    yield from (("admin", f"/suppressions{query}") for query in ("", "?q=gone7", "?q=zzz", "?after=gone5"))
    its = f"/lists/{of.list}"
    yield from (("admin", path) for path in ("/lists", its, f"{its}/recipients", f"{its}/recipients?q=zzz"))
    yield from (("admin", path) for path in (f"{its}/export", "/drafts", "/templates"))
