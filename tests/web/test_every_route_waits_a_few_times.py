"""Every page, every form and every operation of the API waits for a distant PostgreSQL a few times at most.

All rules of the application stand in ROUTES or in NOT_COUNTED. What passes a proxy before the database is
counted; of what is only looked at, when it is looked at again. What a process asks once a second or once a
minute, whatever the request, is left out.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from io import BytesIO
from typing import Any, NamedTuple

import pytest
from flask import Flask
from sqlalchemy import event
from werkzeug.test import TestResponse

from mailroom.content.recipients.parsed import Recipient
from mailroom.database.connection import idle
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Submission
from mailroom.ledger.people import api_keys, sign_ins, users
from mailroom.ledger.states import State
from mailroom.ledger.webhooks import webhook_endpoints, webhook_events
from mailroom.settings import Settings, load
from mailroom.web.api.requests.examples import EXAMPLE_EMAIL, EXAMPLE_MAILING, REQUESTS
from mailroom.web.sign_in import passwords
from tests.api.conftest import new_key
from tests.feedback.providers import posts
from tests.links import NEWS, links_of
from tests.servers import Catcher
from tests.way import Way, way_to
from tests.web.test_inbox import PIXEL, a_letter, catch
from tests.web.watching import a_mailing, delivery_ids, ledger, note_attempts

PAGE_WAITS, POST_WAITS = 6, 5

PASSWORD = "a password that is long enough"
PEOPLE = [{"address": f"person{number}@mail.example", "variables": {"city": "Rome"}} for number in range(60)]
LETTER = {
    "sender": "Ann Lee <ann@mail.example>",
    "recipients": "\n".join(f"person{number}@mail.example" for number in range(5)),
    "subject": "Hello",
    "text": "How are you?",
}
TEMPLATE = {"name": "Receipt", "sender": "ann@mail.example", "subject": "Hello", "text": "How are you?"}
AGAIN = {"rule": "weekly mon 09:00", "zone": "Europe/Berlin"}
LATER = {"scheduled_at": "2099-01-31T09:30:00Z"}


NOBODY = b"address,reason\na@b.example,manual\n"
"""A file."""


class Route(NamedTuple):
    """How a rule is asked for. `at_most`: where it may wait more often than the others, and `why`."""

    path: str
    by: str = "person"
    fields: dict[str, Any] = {}
    at_most: int | None = None
    why: str = ""
    status: int | None = None  # None: it was done, or shown


def page(path: str, **more: Any) -> Route:
    return Route(path, **more)


def form(path: str, at_most: Any = None, why: str = "", by: str = "person", **fields: Any) -> Route:
    return Route(path, by, fields, at_most, why)


def api(path: str, body: Any = None, at_most: int | None = None, why: str = "") -> Route:
    return Route(f"/api/v1{path}", "program", {"json": body} if body is not None else {}, at_most, why)


SPEAKS_WITH_REDIS = "rq-dashboard's own, which knows Redis alone"
NOT_COUNTED = {
    "static": "a file",
    "rq_dashboard.static": "a file",
    "rq_dashboard.favicon": "a file",
    "rq_dashboard.delete_job_view": SPEAKS_WITH_REDIS,
    "rq_dashboard.requeue_job_view": SPEAKS_WITH_REDIS,
    "rq_dashboard.requeue_all": SPEAKS_WITH_REDIS,
    "rq_dashboard.empty_queue": SPEAKS_WITH_REDIS,
    "rq_dashboard.compact_queue": SPEAKS_WITH_REDIS,
}
"""Endpoints, and why."""

IN_PARTS = "what is written in parts may be long: each has a transaction of its own"
SHOWS_A_PAGE = "it answers with a page"
KEPT_BEFORE = "what is kept is read before it is accepted, which takes four"
WITH_ITS_FILES = "what is large of it goes by COPY, which leaves with nothing else"
EACH_STEP = "each step looks whether whoever asks still may"
BECOMES_A_VERSION = "what it was becomes a version first"
AT_THE_SAME_TIME = "each part is asked by a thread and a connection of its own, at the same time"

ROUTES = {
    # Pages
    "GET /": page("/"),
    "GET /mailings": page("/mailings"),
    "GET /mailings/<int:mailing_id>": page("/mailings/{mixed}"),
    "GET /mailings/<int:mailing_id>/progress": page("/mailings/{mixed}/progress"),
    "GET /mailings/<int:mailing_id>/letter": page("/mailings/{html}/letter"),
    "GET /mailings/<int:mailing_id>/cancel": page("/mailings/{going}/cancel"),
    "GET /mailings/<int:mailing_id>/deliveries.csv": page("/mailings/{mixed}/deliveries.csv"),
    "GET /mailings/<int:mailing_id>/report": page("/mailings/{mixed}/report"),
    "GET /mailings/<int:mailing_id>/report/progress": page("/mailings/{html}/report/progress"),
    "GET /mailings/<int:mailing_id>/report.csv": page("/mailings/{going}/report.csv"),
    "GET /mailings/<int:mailing_id>/report.pdf": page("/mailings/{later}/report.pdf"),
    "GET /mailings/<int:mailing_id>/reports": page("/mailings/{mixed}/reports"),
    "GET /mailings/<int:mailing_id>/reports.csv": page("/mailings/{mixed}/reports.csv"),
    "GET /mailings/<int:mailing_id>/deliveries/<int:delivery_id>": page(
        "/mailings/{mixed}/deliveries/{failed}"
    ),
    "GET /mailings/<int:mailing_id>/deliveries/<int:delivery_id>/letter": page(
        "/mailings/{html}/deliveries/{of_html}/letter"
    ),
    "GET /attention": page("/attention"),
    "GET /calendar": page("/calendar"),
    "GET /drafts": page("/drafts"),
    "GET /drafts/<uuid:uid>": page("/drafts/{draft}"),
    "GET /drafts/<uuid:uid>/versions": page("/drafts/{draft}/versions"),
    "GET /drafts/<uuid:uid>/versions/<int:number>": page("/drafts/{draft}/versions/1"),
    "GET /keys": page("/keys"),
    "GET /lists": page("/lists"),
    "GET /lists/<uuid:uid>": page("/lists/{list}?q=person"),
    "GET /lists/<uuid:uid>/import": page("/lists/{list}/import"),
    "GET /lists/<uuid:uid>/list.csv": page("/lists/{list}/list.csv"),
    "GET /lists/<uuid:uid>/recipients/new": page("/lists/{list}/recipients/new"),
    "GET /lists/<uuid:uid>/recipients/<int:member_id>": page("/lists/{list}/recipients/{member}"),
    "GET /lists/<uuid:uid>/some": page("/lists/{list}/some?column=city&how=is&value=Rome"),
    "GET /lists/of-mailing/<int:mailing_id>": page("/lists/of-mailing/{mixed}?outcome=sent"),
    "GET /recipients": page("/recipients"),
    "GET /repeats": page("/repeats"),
    "GET /repeats/<uuid:uid>": page("/repeats/{repeat}"),
    "GET /reports": page("/reports"),
    "GET /reports.csv": page("/reports.csv"),
    "GET /settings": page("/settings", at_most=14, why=AT_THE_SAME_TIME),
    "GET /suppressions": page("/suppressions"),
    "GET /suppressions.csv": page("/suppressions.csv"),
    "GET /templates": page("/templates"),
    "GET /templates/new": page("/templates/new"),
    "GET /templates/<uuid:uid>": page("/templates/{template}"),
    "GET /templates/<uuid:uid>/preview": page("/templates/{template}/preview?version=1"),
    "GET /webhooks": page("/webhooks"),
    "GET /webhooks/<int:endpoint_id>": page("/webhooks/{endpoint}"),
    "GET /webhooks/<int:endpoint_id>/calls/<int:call_id>": page("/webhooks/{endpoint}/calls/{call}"),
    "GET /webhooks/providers": page("/webhooks/providers"),
    "GET /webhooks/providers/<name>": page("/webhooks/providers/mailgun"),
    "GET /inbox": page("/inbox"),
    "GET /inbox/<name>": page("/inbox/{caught}"),
    "GET /inbox/<name>/html": page("/inbox/{caught}/html"),
    "GET /inbox/<name>/raw": page("/inbox/{caught}/raw"),
    "GET /inbox/<name>/attachments/<int:number>": page("/inbox/{caught}/attachments/0"),
    "GET /race": page("/race"),
    "GET /race/<race_id>": page("/race/{race}"),
    # The queue's
    "GET /queue/": page("/queue/"),
    "GET /queue/<int:instance_number>/": page("/queue/0/"),
    "GET /queue/<int:instance_number>/view": page("/queue/0/view"),
    "GET /queue/<int:instance_number>/view/queues": page("/queue/0/view/queues"),
    "GET /queue/<int:instance_number>/view/workers": page("/queue/0/view/workers"),
    "GET /queue/<int:instance_number>/view/jobs": page("/queue/0/view/jobs"),
    "GET /queue/<int:instance_number>/view/jobs"
    "/<queue_name>/<registry_name>/<int:per_page>/<order>/<int:page>": page(
        "/queue/0/view/jobs/urgent/queued/10/asc/1"
    ),
    "GET /queue/<int:instance_number>/view/job/<job_id>": page("/queue/0/view/job/{job}"),
    "GET /queue/<int:instance_number>/data/queues.json": page("/queue/0/data/queues.json"),
    "GET /queue/<int:instance_number>/data/workers.json": page("/queue/0/data/workers.json"),
    "GET /queue/<int:instance_number>/data/jobs"
    "/<queue_name>/<registry_name>/<per_page>/<order>/<page>.json": page(
        "/queue/0/data/jobs/urgent/queued/10/asc/1.json"
    ),
    "GET /queue/<int:instance_number>/data/job/<job_id>.json": page("/queue/0/data/job/{job}.json"),
    # For whoever watches over it
    "GET /healthz": page("/healthz", by="stranger"),
    "GET /readyz": page("/readyz", by="stranger", status=503, at_most=16, why=AT_THE_SAME_TIME),
    "GET /metrics": page("/metrics"),
    # Mailings: written, and what is done with them
    "POST /mailings": form("/mailings", **LETTER),
    "POST /preview": form("/preview", **LETTER),
    "POST /cleaned": form("/cleaned", pasted="<p>Hello</p>", format="html"),
    "POST /recipients": form("/recipients", **LETTER, at_most=6, why=SHOWS_A_PAGE),
    "POST /check": form("/check", **LETTER),
    "GET /check/<token>": page("/check/{check}"),
    "GET /check/<token>/progress": page("/check/{check}/progress"),
    "GET /check/<token>/letter/<int:place>": page("/check/{check}/letter/0"),
    "GET /check/<token>/edit": page("/check/{check}/edit"),
    "POST /check/<token>/test": form("/check/{check}/test", to="ann@mail.example", place="0"),
    "POST /check/<token>/again": form("/check/{check}/again"),
    "POST /check/<token>/send": form("/check/{check}/send"),
    "POST /mailings/<int:mailing_id>/pause": form("/mailings/{going}/pause"),
    "POST /mailings/<int:mailing_id>/resume": form("/mailings/{going}/resume"),
    "POST /mailings/<int:mailing_id>/cancel": form("/mailings/{going}/cancel"),
    "POST /mailings/<int:mailing_id>/release": form("/mailings/{canary}/release"),
    "POST /mailings/<int:mailing_id>/schedule": form(
        "/mailings/{later}/schedule", send_at="2098-01-31T09:30"
    ),
    "POST /mailings/<int:mailing_id>/deliveries/<int:delivery_id>"
    "/<any(retry, arrived, again, cancel):name>": form("/mailings/{mixed}/deliveries/{failed}/retry"),
    "POST /mailings/<int:mailing_id>/retry": form("/mailings/{mixed}/retry"),
    "POST /mailings/<int:mailing_id>/unknown/arrived": form("/mailings/{doubtful}/unknown/arrived"),
    "POST /mailings/<int:mailing_id>/unknown/again": form("/mailings/{doubtful_too}/unknown/again"),
    "POST /attention/retry": form("/attention/retry", state="failed"),
    # What is kept
    "POST /drafts": form("/drafts", **LETTER),
    "POST /drafts/<uuid:uid>/rename": form("/drafts/{draft}/rename", name="Spring"),
    "POST /drafts/<uuid:uid>/duplicate": form("/drafts/{draft}/duplicate"),
    "POST /drafts/<uuid:uid>/versions/<int:number>/restore": form(
        "/drafts/{draft}/versions/1/restore", at_most=8, why=BECOMES_A_VERSION
    ),
    "POST /drafts/<uuid:uid>/remove": form("/drafts/{draft}/remove"),
    "POST /templates": form("/templates", **TEMPLATE, publish="yes"),
    "POST /templates/<uuid:uid>": form("/templates/{template}", **TEMPLATE, publish="yes"),
    "POST /templates/<uuid:uid>/duplicate": form("/templates/{template}/duplicate"),
    "POST /templates/<uuid:uid>/versions/<int:version>/restore": form(
        "/templates/{template}/versions/1/restore"
    ),
    "POST /templates/<uuid:uid>/remove": form("/templates/{template}/remove"),
    "POST /lists": form("/lists", name="Another"),
    "POST /lists/<uuid:uid>": form("/lists/{list}", name="Renamed"),
    "POST /lists/<uuid:uid>/import": form(
        "/lists/{list}/import", recipients="new@mail.example", mode="add", at_most=9, why=IN_PARTS
    ),
    "POST /lists/<uuid:uid>/recipients": form("/lists/{list}/recipients", address="bob@mail.example"),
    "POST /lists/<uuid:uid>/recipients/<int:member_id>": form(
        "/lists/{list}/recipients/{member}", name="Ann", consent_how="form", consent_at="2024-05-01"
    ),
    "POST /lists/<uuid:uid>/recipients/<int:member_id>/remove": form(
        "/lists/{list}/recipients/{member}/remove"
    ),
    "POST /lists/<uuid:uid>/take-off": form("/lists/{list}/take-off", address="person9@mail.example"),
    "POST /lists/<uuid:uid>/some": form(
        "/lists/{list}/some", name="Some", column="city", how="is", value="Rome", at_most=20, why=IN_PARTS
    ),
    "POST /lists/of-mailing/<int:mailing_id>": form(
        "/lists/of-mailing/{mixed}", name="Of it", outcome="sent", at_most=18, why=IN_PARTS
    ),
    "POST /lists/<uuid:uid>/remove": form("/lists/{list}/remove", at_most=11, why=IN_PARTS),
    "POST /repeats/<uuid:uid>": form(
        "/repeats/{repeat}", repeat="weekly tue 09:00", repeat_zone="Europe/Berlin"
    ),
    "POST /repeats/<uuid:uid>/send": form("/repeats/{repeat}/send", at_most=8, why=KEPT_BEFORE),
    "POST /repeats/<uuid:uid>/pause": form("/repeats/{repeat}/pause"),
    "POST /repeats/<uuid:uid>/resume": form("/repeats/{repeat}/resume"),
    "POST /repeats/<uuid:uid>/cancel": form("/repeats/{repeat}/cancel"),
    "POST /suppressions": form("/suppressions", addresses="no@mail.example\nnone@mail.example"),
    "POST /suppressions/import": form("/suppressions/import", file=NOBODY),
    "POST /suppressions/remove": form("/suppressions/remove", address="no@mail.example"),
    # How it is set up
    "POST /keys": form("/keys", name="shop", scopes="send", rate="10/second"),
    "POST /keys/<int:key_id>/revoke": form("/keys/{key}/revoke"),
    "POST /webhooks": form("/webhooks", url="https://other.example/hook", events="email.sent"),
    "POST /webhooks/<int:endpoint_id>": form(
        "/webhooks/{endpoint}", url="https://shop.example/other", events="email.sent"
    ),
    "POST /webhooks/<int:endpoint_id>/test": form("/webhooks/{endpoint}/test"),
    "POST /webhooks/<int:endpoint_id>/calls/<int:call_id>/replay": form(
        "/webhooks/{endpoint}/calls/{call}/replay"
    ),
    "POST /webhooks/<int:endpoint_id>/replay": form("/webhooks/{endpoint}/replay"),
    "POST /webhooks/<int:endpoint_id>/disable": form("/webhooks/{endpoint}/disable"),
    "POST /webhooks/<int:endpoint_id>/enable": form("/webhooks/{endpoint}/enable"),
    "POST /webhooks/<int:endpoint_id>/remove": form("/webhooks/{endpoint}/remove"),
    "POST /feedback/<provider>/<path>": form(
        "{door}",
        by="provider",
        at_most=15,
        why="a mail is looked for by what the provider calls it, and much follows",
    ),
    "POST /webhooks/providers/<name>": form("/webhooks/providers/mailgun", keys=posts.key_of("mailgun")),
    "POST /webhooks/providers/<name>/remove": form("/webhooks/providers/mailgun/remove"),
    "POST /settings/relay": form("/settings/relay", server="mx.example:25"),
    "POST /settings/zone": form("/settings/zone", zone="Europe/Berlin"),
    "POST /settings/release": form("/settings/release"),
    "POST /settings/browsers/<int:sign_in_id>/end": form("/settings/browsers/{browser}/end"),
    "POST /settings/browsers/end-others": form("/settings/browsers/end-others"),
    "POST /race": form("/race", mails="1"),
    "POST /race/<race_id>/next": form("/race/{race}/next"),
    "POST /race/<race_id>/waited": form("/race/{race}/waited", milliseconds="5"),
    "POST /inbox/empty": form("/inbox/empty"),
    # Recipients
    "GET /unsubscribe": page("/unsubscribe", by="reader", status=404),
    "GET /unsubscribe/": page("/unsubscribe/", by="reader", status=404),
    "GET /unsubscribe/<rest:token>": page("{link}", by="reader"),
    "POST /unsubscribe": page("/unsubscribe", by="reader", status=404),
    "POST /unsubscribe/": page("/unsubscribe/", by="reader", status=404),
    "POST /unsubscribe/<rest:token>": form("{link}", by="reader", **{"List-Unsubscribe": "One-Click"}),
    # Programs
    "GET /api/docs": page("/api/docs"),
    "GET /api/v1/openapi.json": api("/openapi.json"),
    "POST /api/v1/emails": api("/emails", EXAMPLE_EMAIL),
    "POST /api/v1/emails/batch": api(
        "/emails/batch", [EXAMPLE_EMAIL, EXAMPLE_EMAIL], at_most=8, why="ten of its mails wait together"
    ),
    "POST /api/v1/emails/raw": api("/emails/raw", REQUESTS["send_raw_email"]),
    "GET /api/v1/emails": api("/emails"),
    "GET /api/v1/emails/<named:id>": api("/emails/{email}"),
    "PATCH /api/v1/emails/<named:id>": api("/emails/{email}", {"scheduled_at": "2098-01-31T09:30:00Z"}),
    "POST /api/v1/emails/<named:id>/cancel": api("/emails/{email}/cancel"),
    "POST /api/v1/mailings": api("/mailings", EXAMPLE_MAILING),
    "POST /api/v1/mailings/preflight": api("/mailings/preflight", EXAMPLE_MAILING),
    "GET /api/v1/mailings/<named:id>": api("/mailings/{its_mailing}"),
    "GET /api/v1/mailings/<named:id>/deliveries": api("/mailings/{its_mailing}/deliveries"),
    "GET /api/v1/mailings/<named:id>/report": api("/mailings/{its_mailing}/report"),
    "PATCH /api/v1/mailings/<named:id>": api("/mailings/{its_later}", {"scheduled_at": "in 10 minutes"}),
    "POST /api/v1/mailings/<named:id>/pause": api("/mailings/{its_mailing}/pause"),
    "POST /api/v1/mailings/<named:id>/resume": api("/mailings/{its_mailing}/resume"),
    "POST /api/v1/mailings/<named:id>/release": api("/mailings/{its_canary}/release"),
    "POST /api/v1/mailings/<named:id>/cancel": api("/mailings/{its_mailing}/cancel"),
    "POST /api/v1/drafts": api("/drafts", EXAMPLE_MAILING),
    "GET /api/v1/drafts": api("/drafts"),
    "GET /api/v1/drafts/<named:id>": api("/drafts/{its_draft}"),
    "PATCH /api/v1/drafts/<named:id>": api(
        "/drafts/{its_draft}", {"subject": "Other", "revision": 1}, at_most=9, why=WITH_ITS_FILES
    ),
    "POST /api/v1/drafts/<named:id>/send": api("/drafts/{its_draft}/send", at_most=11, why=KEPT_BEFORE),
    "DELETE /api/v1/drafts/<named:id>": api("/drafts/{its_draft}"),
    "POST /api/v1/templates": api("/templates", REQUESTS["create_template"]),
    "GET /api/v1/templates": api("/templates"),
    "GET /api/v1/templates/<named:id>": api("/templates/{its_template}"),
    "PATCH /api/v1/templates/<named:id>": api("/templates/{its_template}", REQUESTS["update_template"]),
    "POST /api/v1/templates/<named:id>/publish": api("/templates/{its_template}/publish"),
    "POST /api/v1/templates/<named:id>/render": api(
        "/templates/{its_template}/render", REQUESTS["render_template"]
    ),
    "POST /api/v1/templates/<named:id>/duplicate": api("/templates/{its_template}/duplicate"),
    "DELETE /api/v1/templates/<named:id>": api("/templates/{its_template}"),
    "POST /api/v1/lists": api("/lists", {"name": "Its third"}),
    "GET /api/v1/lists": api("/lists"),
    "GET /api/v1/lists/<named:id>": api("/lists/{its_list}"),
    "PATCH /api/v1/lists/<named:id>": api("/lists/{its_list}", {"name": "Its first"}),
    "GET /api/v1/lists/<named:id>/recipients": api("/lists/{its_list}/recipients?q=person"),
    "GET /api/v1/lists/<named:id>/export": api("/lists/{its_list}/export"),
    "GET /api/v1/lists/<named:id>/history": api("/lists/{its_list}/history?address=person1@mail.example"),
    "POST /api/v1/lists/<named:id>/recipients": api(
        "/lists/{its_list}/recipients", REQUESTS["add_list_recipient"]
    ),
    "POST /api/v1/lists/<named:id>/import": api(
        "/lists/{its_list}/import", REQUESTS["import_list"], at_most=20, why=IN_PARTS
    ),
    "POST /api/v1/lists/<named:id>/recipients/remove": api(
        "/lists/{its_list}/recipients/remove", REQUESTS["remove_list_recipients"]
    ),
    "POST /api/v1/lists/from-list": api(
        "/lists/from-list",
        {
            "name": "Some of it",
            "list": "{its_list}",
            "where": [{"column": "city", "how": "is", "value": "Rome"}],
        },
        at_most=24,
        why=IN_PARTS,
    ),
    "POST /api/v1/lists/from-mailing": api(
        "/lists/from-mailing",
        {"name": "Of mail", "mailing": "{its_mailing}", "outcome": "canceled"},
        at_most=15,
        why=IN_PARTS,
    ),
    "DELETE /api/v1/lists/<named:id>": api("/lists/{its_list}", at_most=13, why=IN_PARTS),
    "POST /api/v1/repeats": api(
        "/repeats", {**EXAMPLE_MAILING, **AGAIN}, at_most=6, why="its answer is read as it stands then"
    ),
    "GET /api/v1/repeats": api("/repeats"),
    "GET /api/v1/repeats/<named:id>": api("/repeats/{its_repeat}"),
    "PATCH /api/v1/repeats/<named:id>": api("/repeats/{its_repeat}", REQUESTS["update_repeat"]),
    "POST /api/v1/repeats/<named:id>/send": api("/repeats/{its_repeat}/send", at_most=8, why=KEPT_BEFORE),
    "POST /api/v1/repeats/<named:id>/pause": api("/repeats/{its_repeat}/pause"),
    "POST /api/v1/repeats/<named:id>/resume": api("/repeats/{its_repeat}/resume"),
    "POST /api/v1/repeats/<named:id>/cancel": api("/repeats/{its_repeat}/cancel"),
    "GET /api/v1/suppressions": api("/suppressions?q=person"),
    "POST /api/v1/suppressions": api("/suppressions", REQUESTS["add_suppression"]),
    "POST /api/v1/suppressions/remove": api("/suppressions/remove", REQUESTS["remove_suppression"]),
    "POST /sign-out": form("/sign-out", by="other"),
    "POST /sign-in": form("/sign-in", by="other", email="ann@example.org", password=PASSWORD),
    "GET /sign-in": page("{way_in}", by="stranger"),
    "POST /settings/password": form(
        "/settings/password", password=PASSWORD, new_password=PASSWORD[::-1], at_most=10, why=EACH_STEP
    ),
}
"""In an order in which each finds what it is about."""


class World:
    """A ledger with some of everything, that is some way off; and those who ask."""

    def __init__(self, app: Flask, way: Way, settings: Settings) -> None:
        self.app, self.database, self._way = app, ledger(app), way
        with self.database.begin() as connection:
            ann = users.add(connection, "ann@example.org", passwords.hashed(PASSWORD))
            way_in = f"/sign-in?token={users.make_link(connection, ann.id)}"
        self.clients = {
            by: app.test_client() for by in ("person", "other", "program", "provider", "reader", "stranger")
        }
        self.made: dict[str, object] = {"way_in": way_in}
        self._key = new_key(self.database)
        self._tokens = {"reader": "", "person": self._signed_in("person")}
        self._make_mailings()
        self._make_what_is_kept()
        self._set_up(ann.id, settings)

    def _make_mailings(self) -> None:
        rows: list[dict[str, Any]] = [
            {"state": state, "reply": "Ok", "code": 250, "attempts": 1}
            for state in (State.SENT, State.SENT, State.FAILED, State.FAILED, State.BOUNCED, State.DEFERRED)
        ] * 10
        for row in rows:
            if row["state"] == State.DEFERRED:
                row["due_at"] = 4_000_000_000_000
        mixed = a_mailing(self.database, *rows)
        ids = delivery_ids(self.database, mixed)
        note_attempts(self.database, ids[2], [{"at": 1, "stage": "rcpt", "outcome": "failed", "reply": "no"}])
        doubtful = [{"state": State.UNKNOWN}] * 3
        html = {**EXAMPLE_MAILING, "html": "<p>Dear {{ first_name }}</p>"}
        many = {**EXAMPLE_MAILING, "text": "Hello", "subject": "Hello", "recipients": PEOPLE}
        canary = {**EXAMPLE_MAILING, "canary": 1}
        self.made |= {
            "mixed": mixed,
            "failed": ids[2],
            "doubtful": a_mailing(self.database, *doubtful, if_unknown="hold"),
            "doubtful_too": a_mailing(self.database, *doubtful, if_unknown="hold"),
            "html": self._posted("/mailings", html)["number"],
            "going": self._posted("/mailings", many)["number"],
            "later": self._posted("/mailings", {**EXAMPLE_MAILING, **LATER})["number"],
            "canary": self._posted("/mailings", canary)["number"],
            "email": self._posted("/emails", {**EXAMPLE_EMAIL, **LATER})["id"],
            "its_mailing": self._posted("/mailings", many)["id"],
            "its_later": self._posted("/mailings", {**EXAMPLE_MAILING, **LATER})["id"],
            "its_canary": self._posted("/mailings", canary)["id"],
        }
        self.made["of_html"] = delivery_ids(self.database, int(str(self.made["html"])))[0]
        people = [Recipient("ann@mail.example"), Recipient("bob@mail.example")]
        news = accept(self.database, self.app.extensions["mailroom"].queue, Submission(NEWS, people))
        self.made["link"] = links_of(self.database, news.mailing_id)["ann@mail.example"]

    def _make_what_is_kept(self) -> None:
        for name in ("list", "its_list"):
            uid = self.made[name] = self._posted("/lists", {"name": f"Our {name}", "shared": name == "list"})[
                "id"
            ]
            self._posted(f"/lists/{uid}/import", PEOPLE)
        shown = self._ask("GET", Route("/lists/{list}")).text
        self.made["member"] = _found(r"/recipients/(\d+)", shown)
        for name in ("draft", "its_draft"):
            self.made[name] = self._posted("/drafts", EXAMPLE_MAILING)["id"]
        uid = self.made["draft"] = _found(
            r"/drafts/([0-9a-f-]{36})", self._ask("POST", Route("/drafts", fields=LETTER)).headers["Location"]
        )
        self._ask("POST", Route("/check", fields={**LETTER, "draft": uid, "draft_revision": "1"}))
        check = self._ask("POST", Route("/check", fields={**LETTER, "html": "<p>Hello</p>"}))
        self.made["check"] = check.headers["Location"].rpartition("/")[2]
        while "data-moving" in self._ask("GET", Route("/check/{check}/progress")).text:
            time.sleep(0.05)
        for name in ("template", "its_template"):
            self.made[name] = self._posted("/templates", REQUESTS["create_template"])["id"]
            self._posted(f"/templates/{self.made[name]}/publish", None)
        for name in ("repeat", "its_repeat"):
            self.made[name] = self._posted("/repeats", {**EXAMPLE_MAILING, **AGAIN})["id"]

    def _set_up(self, user_id: int, settings: Settings) -> None:
        other = self.app.test_client()
        other.get(str(self.made["way_in"]))
        with self.database.begin() as connection:
            self.made["browser"] = max(one.id for one in sign_ins.of_user(connection, user_id))
            endpoint = webhook_endpoints.add(connection, "https://shop.example/hook", ["email.sent"])
            call = webhook_events.note_test(connection, endpoint)
            self.made |= {
                "endpoint": endpoint,
                "call": call,
                "key": api_keys.add(connection, "x", scopes=[])[1],
            }
        self._ask("POST", Route("/webhooks/providers/mailgun", fields={"keys": posts.key_of("mailgun")}))
        door = self._ask("GET", Route("/webhooks/providers/mailgun")).text
        self.made["door"] = _found(r"(/feedback/mailgun/[A-Za-z0-9_-]+)", door)
        letter = a_letter(html="<p>Hello</p>")
        letter.add_attachment(PIXEL, "image", "png", filename="a.png")
        self.made["caught"] = catch(settings.home / "inbox", letter)
        race = self._ask("POST", Route("/race", fields={"mails": "1"})).headers["Location"]
        self.made["race"] = _found(r"/race/([^?]+)", race)
        jobs = self._ask("GET", Route("/queue/0/data/jobs/urgent/queued/10/asc/1.json")).get_json()["jobs"]
        self.made["job"] = jobs[0]["id"]

    def _posted(self, path: str, body: Any) -> Any:
        return self._ask("POST", api(path, body)).get_json()

    def _signed_in(self, by: str) -> str:
        """What that client's forms carry."""
        self._ask("GET", Route("{way_in}", by))
        return _found(r'name="csrf_token" value="([^"]+)"', self._ask("GET", Route("/keys", by)).text)

    def trips(self, method: str, route: Route) -> int:
        if route.by == "other":
            self._tokens["other"] = self._signed_in("other")
        if method == "GET":
            self._ask(method, route)
        before = self._way.round_trips
        self._ask(method, route)
        return self._way.round_trips - before

    def _ask(self, method: str, route: Route) -> TestResponse:
        path, given = route.path.format_map(self.made), dict(route.fields)
        if route.by == "program":
            given["headers"] = {"Authorization": f"Bearer {self._key}"}
            if isinstance(given.get("json"), dict):
                given["json"] = {name: self._filled(value) for name, value in given["json"].items()}
        elif route.by == "provider":
            signed = posts.signed("mailgun", posts.event("mailgun", "bounced"))
            given = {"headers": signed.headers, "data": signed.body}
        elif method == "POST":
            files = {name: (BytesIO(value), "a.csv") for name, value in given.items() if value is NOBODY}
            given = {"data": {"csrf_token": self._tokens[route.by], **given, **files}}
        answer = self.clients[route.by].open(path, method=method, **given)
        is_fine = answer.status_code < 400 if route.status is None else answer.status_code == route.status
        assert is_fine, f"{method} {path}: {answer.status_code}\n{answer.text}"
        answer.get_data()
        return answer

    def _filled(self, value: Any) -> Any:
        return value.format_map(self.made) if isinstance(value, str) and value.startswith("{") else value


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found, f"no {pattern} in {text}"
    return found[1]


@pytest.fixture
def away(postgres_url: str) -> Iterator[tuple[Way, str]]:
    with way_to(postgres_url) as (way, url):
        yield way, url


@pytest.fixture
def settings(settings_env: dict[str, str], away: tuple[Way, str], catcher: Catcher) -> Settings:
    local = {"MAILROOM_LOCAL": "1", "MAILROOM_SLOW_SERVER": f"127.0.0.1:{catcher.port}"}
    return load({**settings_env, **local, "DATABASE_URL": away[1]})


@pytest.fixture
def world(app: Flask, away: tuple[Way, str], settings: Settings, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(idle, "ASKED_AFTER", 600.0)
    monkeypatch.setattr(webhook_events, "KNOWN_FOR", 600.0)
    monkeypatch.setattr(api_keys, "NOTED_EVERY_MS", 600_000)

    @event.listens_for(ledger(app).engine, "connect")
    def _prepare_nothing(dbapi_connection: Any, record: Any) -> None:
        dbapi_connection.prepare_threshold = None

    made = World(app, away[0], settings)
    with made.database.begin() as connection:
        webhook_events.wanted(connection)
    away[0].answers_after = 0.004
    return made


def rules(app: Flask) -> dict[str, str]:
    """Endpoints by method and rule."""
    return {
        f"{method} {rule.rule}": rule.endpoint
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    }


def test_every_rule_is_asked_or_is_said_not_to_be(app: Flask) -> None:
    found = rules(app)
    unasked = {rule for rule, endpoint in found.items() if endpoint not in (*NOT_COUNTED, "api.unknown")}
    assert unasked == set(ROUTES)
    assert set(NOT_COUNTED) <= set(found.values())


def test_each_waits_a_few_times(world: World) -> None:
    most = {"GET": PAGE_WAITS}
    found = {rule: world.trips(rule.partition(" ")[0], route) for rule, route in ROUTES.items()}
    assert {
        rule: f"{trips}: {ROUTES[rule].why or 'why?'}"
        for rule, trips in found.items()
        if trips > (ROUTES[rule].at_most or most.get(rule.partition(" ")[0], POST_WAITS))
    } == {}


def test_whoever_may_wait_more_often_says_why() -> None:
    assert [rule for rule, route in ROUTES.items() if bool(route.at_most) != bool(route.why)] == []
