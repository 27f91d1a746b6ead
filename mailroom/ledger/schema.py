"""The ledger's tables. Migrations make them; this module is how code names them."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Enum,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    inspect,
    literal_column,
)
from sqlalchemy.schema import SchemaItem

from mailroom.database.clock import Millis, UtcTime
from mailroom.database.ddl import NEVER_REUSED, Id, condition, equality_index, partial_index
from mailroom.ledger.states import COUNTED, WATCHED, MailingState, RepeatState, State

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

TROUBLED = condition("trouble IS NOT NULL")
"""The states that people look for among a million sent ones: they have an index."""

IS_WATCHED = condition("(" + " OR ".join(f"trouble = '{state}'" for state in WATCHED) + ")")


def word_of(states: type[StrEnum]) -> Enum:
    """A state: the plain word in the database, a member of the enumeration in Python."""
    return Enum(states, native_enum=False, length=10, values_callable=lambda known: [s.value for s in known])


def table(name: str, *parts: SchemaItem, **options: Any) -> Table:
    return Table(name, metadata, *parts, **options)


users = table(
    "users",
    Column("id", Id, primary_key=True),
    Column("email", String(320), nullable=False, unique=True),  # lower case
    Column("password_hash", Text),  # argon2; NULL: signs in by link only
    Column("created_at", UtcTime, nullable=False),
    Column("zone", String(64)),  # Europe/Berlin; NULL: none is known yet
)

sign_ins = table(  # a browser that is signed in
    "sign_ins",
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("token_hash", String(64), nullable=False, unique=True),  # sha-256, hex
    Column("created_at", UtcTime, nullable=False),
    Column("seen_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("user_agent", String(300), nullable=False, server_default=""),
    Column("address", String(64), nullable=False, server_default=""),
)

sign_in_links = table(  # the printed link of a local run
    "sign_in_links",
    Column("token_hash", String(64), primary_key=True),
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("expires_at", UtcTime, nullable=False),
)

mailings = table(
    "mailings",
    Column("id", Id, primary_key=True),
    Column("uid", String(36), nullable=False, unique=True),  # UUID: its name in the API and in Message-IDs
    Column("kind", String(10), nullable=False),  # individual | shared
    Column("state", word_of(MailingState), nullable=False),
    Column("queue", String(10), nullable=False),  # urgent | bulk
    Column("user_id", Id, ForeignKey("users.id", ondelete="SET NULL")),
    # Of the key that handed it in: see api_keys. NULL: a person, a command, an application on the
    # ledger. No foreign key: keys are never deleted, and PostgreSQL would lock their row for every mail.
    Column("program_id", Id),
    Column("sender_address", String(320), nullable=False),
    Column("sender_name", Text, nullable=False, server_default=""),
    Column("subject", Text, nullable=False),
    Column("purpose", String(13), nullable=False, server_default="transactional"),  # bulk | transactional
    Column("list_name", String(60), nullable=False, server_default=""),  # of bulk mail: what it narrows to
    Column("message_id", Text),  # its own, when it came as a whole message: see originals
    Column("total", Integer, nullable=False, server_default="0"),
    Column("duplicates", Integer, nullable=False, server_default="0"),  # dropped at acceptance
    # How many deliveries are in each state, those in a live batch left out: these are
    # counted when asked for. So a mail sent costs no write here, and a page no scan.
    *(Column(state.value, Integer, nullable=False, server_default="0") for state in COUNTED),
    Column("if_unknown", String(10), nullable=False, server_default="resend"),  # resend | hold | evidence
    Column(
        "evidence_ms", Integer
    ),  # of `evidence`: how long a doubt waits for it before it is sent once more
    Column("route", String(10), nullable=False, server_default=""),  # the relay's name; "": of MAIL_SERVER
    Column("max_sessions", SmallInteger),  # SMTP sessions a worker may use for it; NULL: as many as there are
    Column("created_at", UtcTime, nullable=False),
    Column("accept_ms", Integer, nullable=False, server_default="0"),
    Column("send_at", UtcTime),
    Column("expires_at", UtcTime, nullable=False),
    Column("started_at", UtcTime),  # the first claim of a batch of it
    Column("ended_at", UtcTime),
    Column("canary", Integer),  # so many go first; the rest is held back: see canary.py. NULL: all at once
    Column("release_at", UtcTime),  # when the rest goes; NULL: when somebody lets it
    # Never later than the earliest due_at of its deliveries that may go; NULL when none is due.
    # The sweeper looks here, not at a million deliveries.
    Column("next_due_at", UtcTime),
    Column("complained", Integer, nullable=False, server_default="0"),  # deliveries that were called spam
    Column("tripped_for", Text),  # why what came back or failed paused it, which happens once
    Column("held_for", Text),  # why workers paused it: a refusal that is about its sender, or about all of it
    Column("hours", String(120)),  # in which it may be sent: Mon-Fri 09:00-17:00 Europe/Berlin; NULL: in any
    Column("closes_at", UtcTime),  # when the present window of these is over, or that of its start
    Column("staged_until", Millis),  # the lease of its acceptance while it is staged; 0: given up
    Index("ix_mailings_state_next_due_at", "state", "next_due_at"),
    partial_index(
        "ix_mailings_closes_at", "closes_at", where=condition("closes_at IS NOT NULL AND ended_at IS NULL")
    ),
    equality_index("ix_mailings_message_id", "message_id", where=condition("message_id IS NOT NULL")),
    partial_index("ix_mailings_program_id_id", "program_id", "id", where=condition("program_id IS NOT NULL")),
    **NEVER_REUSED,
)

contents = table(  # what is mailed, apart from the mailing: lists must not read megabytes
    "contents",
    Column("mailing_id", Id, ForeignKey("mailings.id", ondelete="CASCADE"), primary_key=True),
    Column("reply_to", JSON, nullable=False),  # ["Ann Lee <ann@example.org>", ...]
    Column("text", Text, nullable=False, server_default=""),
    Column("html", Text, nullable=False, server_default=""),
    Column("headers", JSON, nullable=False),  # [[name, value], ...]
    Column("columns", JSON, nullable=False),  # names of the variables kept with each delivery
    Column("tags", JSON, nullable=False),  # [[name, value], ...]
)

attachments = table(
    "attachments",
    Column("id", Id, primary_key=True),
    Column("mailing_id", Id, ForeignKey("mailings.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("filename", Text, nullable=False),
    Column("content_type", String(200), nullable=False),
    Column("content_id", String(200)),  # set: shown inside the HTML (cid:...)
    Column("data", LargeBinary, nullable=False),
)

batches = table(
    "batches",
    Column("id", Id, primary_key=True),
    Column("queue", String(10), nullable=False),
    Column("size", Integer, nullable=False),
    Column("route", String(10), nullable=False, server_default=""),
    Column("max_sessions", SmallInteger),
    Column("epoch", Integer, nullable=False, server_default="0"),
    Column("owner", String(100)),  # the worker that claimed it
    Column("lease_until", Millis),  # milliseconds by the database's clock
    Column("enqueued_at", Millis, nullable=False),
    Column("in_hand", Boolean),  # whether something is being built or sent; NULL: nobody notes it here
    **NEVER_REUSED,  # a batch's id stays on its deliveries, so it must never come again
)

deliveries = table(
    "deliveries",
    Column("id", Id, primary_key=True),
    Column("mailing_id", Id, ForeignKey("mailings.id"), nullable=False),
    Column("address", String(320), nullable=False),  # as it goes into RCPT TO
    Column("address_key", String(320), nullable=False),  # lower case: for search, duplicates, suppression
    Column("name", Text, nullable=False, server_default=""),
    Column("role", String(3), nullable=False, server_default="to"),  # to | cc | bcc
    Column("variables", JSON(none_as_null=True)),  # {"first_name": "Ann", ...}; NULL when there are none
    Column("state", word_of(State), nullable=False, server_default=State.QUEUED.value),
    Column("due_at", Millis),  # milliseconds; NULL while in a batch or at an end
    Column("batch_id", Id),  # its last batch; live while that row exists
    Column("session_id", Id),  # the SMTP session that had it last
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("deaths", SmallInteger, nullable=False, server_default="0"),  # workers that died during it
    Column("deaths_alone", SmallInteger, nullable=False, server_default="0"),  # since it is suspect
    Column("resends", SmallInteger, nullable=False, server_default="0"),  # after unknown
    Column("code", SmallInteger),  # the last reply's
    Column("reply", Text),  # the server's words
    Column("marked_at", Millis),
    Column("dated_at", Millis),  # the Date that it bears: when it was first about to be handed over
    Column("complained_at", Millis),  # when somebody said that its recipient called it spam
    Column("updated_at", Millis, nullable=False),
    # Its state and `updated_at` once more, if that is a state that people look for: moves.py sees to it. No
    # index names those two, for PostgreSQL leaves all indexes alone where no column of theirs changes, as
    # with a mail that is sent as usual. Not generated columns: their words would be read for each statement.
    Column("trouble", word_of(State)),
    Column("troubled_at", Millis),
    Index("ix_deliveries_mailing_id_id", "mailing_id", "id"),
    partial_index(
        "ix_deliveries_due",
        "mailing_id",
        "due_at",
        "id",  # else PostgreSQL sorts all that became due at one moment, for every batch
        where=condition("due_at IS NOT NULL"),
    ),
    partial_index("ix_deliveries_batch_id", "batch_id", where=condition("batch_id IS NOT NULL")),
    partial_index("ix_deliveries_troubled", "mailing_id", "trouble", "id", where=TROUBLED),
    partial_index("ix_deliveries_watched", "trouble", "troubled_at", "id", where=IS_WATCHED),
    **NEVER_REUSED,
)


def block_of(id: ColumnElement[int]) -> ColumnElement[int]:
    """The number of the block that a delivery belongs to: 32,768 that were accepted one after the other.

    Its constant stands in its words, or planners would not know the index again.
    """
    return id.op(">>", return_type=BigInteger())(literal_column("15"))


# Of each block by itself: one for all would be written at random. See deliveries/search.py.
Index("ix_deliveries_address", block_of(deliveries.c.id), deliveries.c.address_key)

attempts = table(  # every try that did not end in `sent`
    "attempts",
    Column("id", Id, primary_key=True),
    Column("delivery_id", Id, ForeignKey("deliveries.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("at", Millis, nullable=False),
    Column("server", String(300), nullable=False),
    Column("stage", String(10), nullable=False),
    Column("outcome", word_of(State), nullable=False),
    Column("code", SmallInteger),
    Column("reply", Text, nullable=False),
    Column("batch_id", Id),  # in which it was tried; NULL: from before this was noted
    partial_index("ix_attempts_batch_id", "batch_id", where=condition("batch_id IS NOT NULL")),
)

turns = table(  # a further batch of a job that goes on: whose job it was
    "turns",
    Column("batch_id", Id, primary_key=True, autoincrement=False),
    Column("job_batch_id", Id, nullable=False, index=True),  # the batch in the job's name
)

sessions = table(  # one open SMTP connection of a worker: a lane of the timeline
    "sessions",
    Column("id", Id, primary_key=True),
    Column("worker", String(100), nullable=False),
    Column("number", Integer, nullable=False),  # 1, 2, 3... within its worker
    Column("server", String(300), nullable=False),
    Column("opened_at", Millis, nullable=False),
    **NEVER_REUSED,
)

parked_sessions = table(  # one that waits for its server while its worker goes on with other mail
    "parked_sessions",
    Column("worker", String(100), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("server", String(300), nullable=False),
    Column("stage", String(10), nullable=False),  # of the dialogue
    Column("since", Millis, nullable=False),
    Column("noted_until", Millis, nullable=False),  # its worker says it again before
)

decisions = table(  # what a person decided for all deliveries of a mailing, while it is carried out
    "decisions",
    Column("mailing_id", Id, ForeignKey("mailings.id", ondelete="CASCADE"), primary_key=True),
    Column("move", String(10), primary_key=True),  # retry | confirm | resend
    Column("after_id", BigInteger, nullable=False),  # deliveries up to this one had their turn
    Column("moved", Integer, nullable=False),
    Column("made_at", Millis, nullable=False),
)

suppressions = table(  # the first three say who, and how much mail: see consent/scopes.py
    "suppressions",
    Column("address_key", String(320), primary_key=True),
    Column("sender", String(320), primary_key=True, server_default=""),  # whose bulk mail; "": all mail
    Column("list_name", String(60), primary_key=True, server_default=""),  # which of it; "": all of it
    Column("reason", String(20), nullable=False),  # manual | unsubscribed | bounced | complained
    Column("note", Text, nullable=False, server_default=""),
    Column("created_at", UtcTime, nullable=False),
    Column("mailing_id", Id),  # which led to it
    Column("delivery_id", Id),  # whose link it was; no foreign key: it outlives what it came from
    Column("evidence", Text, nullable=False, server_default=""),
    partial_index("ix_suppressions_mailing_id", "mailing_id", where=condition("mailing_id IS NOT NULL")),
)

link_keys = table(  # the ring that seals unsubscribe links: see consent/link_keys.py
    "link_keys",
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("secret", String(64), nullable=False),  # hex
    Column("created_at", Millis, nullable=False),
)

IS_UNMATCHED = condition("unmatched <> ''")
IS_OPEN = condition("is_open")

reports = table(  # what was said of a mail after the relay's 250: a fact of its delivery
    "reports",
    Column("id", Id, primary_key=True),
    Column("key", String(64), nullable=False, unique=True),  # of one that is read twice it is the same
    Column("kind", String(10), nullable=False),  # bounced | delayed | relayed | delivered | complained | sent
    Column("way", String(20), nullable=False),  # in which it came: pipe, imap, ses...
    Column("delivery_id", Id, ForeignKey("deliveries.id", ondelete="CASCADE")),  # NULL: nobody knows which
    Column("mailing_id", Id),
    Column("address", String(320), nullable=False),  # as the report has it
    Column("at", Millis),  # when it happened; NULL: it does not say
    Column("received_at", Millis, nullable=False),
    Column("code", SmallInteger),
    Column("status", String(11), nullable=False),  # enhanced (RFC 3463)
    Column("words", Text, nullable=False),
    Column("reporter", String(255), nullable=False),
    Column("is_transient", Boolean, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("unmatched", String(200), nullable=False),  # why it is of no delivery; "": it is of one
    Column("is_open", Boolean, nullable=False),  # its mail was being handed over: it is looked at again
    Column("taken_at", Millis),  # of what came back: when the relay had taken it,
    Column("taken_with", Text),  # and its code and words
    partial_index("ix_reports_delivery_id", "delivery_id", where=condition("delivery_id IS NOT NULL")),
    partial_index(
        "ix_reports_mailing_id_kind", "mailing_id", "kind", where=condition("mailing_id IS NOT NULL")
    ),
    partial_index("ix_reports_unmatched", "id", where=IS_UNMATCHED),
    partial_index("ix_reports_open", "id", where=IS_OPEN),
    **NEVER_REUSED,
)

strikes = table(  # bounces that may be the address's fault, and do not suppress it yet
    "strikes",
    Column("address_key", String(320), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("last_at", Millis, nullable=False),
)

idempotency_keys = table(
    "idempotency_keys",
    Column("scope", String(100), nullable=False, primary_key=True),  # "form:<user>" | "key:<api key>"
    Column("key", String(256), nullable=False, primary_key=True),
    Column("fingerprint", String(64), nullable=False),  # sha-256 of what was submitted, hex
    Column("mailing_id", Id, ForeignKey("mailings.id", ondelete="CASCADE")),
    Column("created_at", UtcTime, nullable=False, index=True),
    Column("answer", Text),  # what was answered, where no single mailing tells it
)

sweeper = table(  # one row: whose turn it is, and how the last round went
    "sweeper",
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("owner", String(100), nullable=False),
    Column("swept_at", Millis, nullable=False),
    Column("round_ms", Integer, nullable=False),
    Column("set_ms", BigInteger, nullable=False, server_default="0"),  # how far the clock was set, in all
)

uptimes = table(  # what a machine that sweeps last saw of the ledger's clock, and of its own uptime
    "uptimes",
    Column("boot", String(100), primary_key=True),  # the machine, since it started
    Column("at", Millis, nullable=False),  # by the ledger's clock
    Column("awake_ms", Millis, nullable=False),
    Column("up_ms", Millis, nullable=False),
    Column("set_ms", BigInteger, nullable=False),  # the sweeper's, at that time
)

holds = table(  # one row while nothing may be sent: see holding.py
    "holds",
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("since", Millis, nullable=False),
    Column("reason", Text, nullable=False),
)

identity = table(  # one row: this ledger's own name, by which workers know each other
    "identity",
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", String(32), nullable=False),
)

servers = table(  # what workers know together about a mail server
    "servers",
    Column("server", String(300), primary_key=True),
    Column("failures", Integer, nullable=False),  # in a row; 0: it took a mail at `updated_at`
    Column("closed_until", Millis, nullable=False),  # the circuit: no connecting before this
    Column("stage", String(10), nullable=False),
    Column("code", SmallInteger),
    Column("reply", Text, nullable=False),
    Column("since", Millis, nullable=False),
    Column("updated_at", Millis, nullable=False),
)

throttles = table(  # when the next mail may leave, for all workers together (GCRA)
    "throttles",
    Column("name", String(300), primary_key=True),
    Column("next_at", BigInteger, nullable=False),  # MICROseconds: 5,000 mails a second must fit
    Column("interval_us", BigInteger, nullable=False),  # present spacing; grows when the server slows us
    Column(
        "updated_at", Millis, nullable=False
    ),  # when a server last changed it; 0: it is the one that is set
    Column("set_us", BigInteger),  # the spacing of the settings; NULL: none
    Column(
        "refused_us", BigInteger
    ),  # the spacing at which the server last asked for more; NULL: it held since
)

api_keys = table(  # what a program carries to use the API
    "api_keys",
    Column("id", Id, primary_key=True),
    Column("name", String(100), nullable=False),
    Column("key_hash", String(64), nullable=False, unique=True),  # sha-256, hex
    Column("scopes", JSON, nullable=False),  # some of ["send", "read", "admin"]
    Column("senders", JSON, nullable=False),  # addresses and domains it may send from; []: all
    Column("rate", String(20), nullable=False),  # requests, like 100/second
    Column("user_id", Id, ForeignKey("users.id", ondelete="SET NULL")),  # who made it
    Column("program_id", Id),  # the first of the keys that share their mailings; NULL: it is that itself
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
    Column("last_used_at", UtcTime),
    Column("revoked_at", UtcTime),
    **NEVER_REUSED,  # idempotency keys and logs go on naming an id, so it must never come again
)

originals = table(  # a whole message that somebody handed in, mailed as it came
    "originals",
    Column("mailing_id", Id, ForeignKey("mailings.id", ondelete="CASCADE"), primary_key=True),
    Column("envelope_sender", String(320), nullable=False),
    Column("data", LargeBinary, nullable=False),
)

webhook_endpoints = table(  # who wants to be told of what
    "webhook_endpoints",
    Column("id", Id, primary_key=True),
    Column("url", Text, nullable=False),
    Column("secret", String(100), nullable=False),  # whsec_...: signing needs it as it is
    Column("events", Text, nullable=False),  # " email.sent email.failed ": matched in SQL
    Column("created_at", UtcTime, nullable=False),
    Column("disabled_at", UtcTime),  # NULL: it is called
    Column("disabled_why", Text, nullable=False, server_default=""),
    Column("failures", Integer, nullable=False, server_default="0"),  # in a row
    Column("failing_since", Millis),
    Column("paused_until", Millis, nullable=False, server_default="0"),
    **NEVER_REUSED,  # an id never comes again: it is in the log
)

webhook_calls = table(  # one event for one endpoint: written with the change itself, then called out
    "webhook_calls",
    Column("id", Id, primary_key=True),
    Column("endpoint_id", Id, ForeignKey("webhook_endpoints.id", ondelete="CASCADE"), nullable=False),
    Column("type", String(40), nullable=False),
    Column("mailing_id", Id),
    Column("delivery_id", Id),
    Column("at", Millis, nullable=False),  # when it happened
    Column("code", SmallInteger),  # what the mail server had said then
    Column("reply", Text),
    Column("state", String(10), nullable=False),  # waiting | done | failed
    Column("due_at", Millis),  # NULL: at an end
    Column("expires_at", Millis, nullable=False),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("status", SmallInteger),  # of the endpoint's last answer
    Column("answer", Text),
    Column("took_ms", Integer),
    Column("ended_at", Millis),
    Index("ix_webhook_calls_endpoint_id_id", "endpoint_id", "id"),
    partial_index("ix_webhook_calls_due", "endpoint_id", "due_at", where=condition("due_at IS NOT NULL")),
    partial_index("ix_webhook_calls_ended_at", "ended_at", where=condition("ended_at IS NOT NULL")),
    **NEVER_REUSED,
)

provider_doors = table(  # providers of mail that may tell what became of it: see feedback/provider_doors.py
    "provider_doors",
    Column("provider", String(20), primary_key=True),
    Column("path", String(64), nullable=False, unique=True),  # the end of its URL, which nobody can guess
    Column("keys", JSON, nullable=False),  # any of which proves a post
    Column("created_at", UtcTime, nullable=False),
    Column("confirmed_at", UtcTime),  # when it was last answered that we want to be told
)

provider_refusals = table(  # posts by such a URL that were not believed
    "provider_refusals",
    Column("id", Id, primary_key=True),
    Column("provider", String(20), nullable=False),
    Column("at", Millis, nullable=False),
    Column("address", String(64), nullable=False),  # whose post it was
    Column("words", Text, nullable=False),
    Index("ix_provider_refusals_provider_id", "provider", "id"),
)

provider_tokens = table(  # what proves one post only, or was told once
    "provider_tokens",
    Column("digest", String(64), primary_key=True),
    Column("said", String(64), nullable=False),  # sha-256 of the keys of its reports, hex
    Column("at", Millis, nullable=False, index=True),
)


templates = table(  # letters that are kept, to be sent with other values again and again
    "templates",
    Column("id", Id, primary_key=True),
    Column("uid", String(36), nullable=False, unique=True),  # UUID: its name in the API
    Column("program_id", Id, nullable=False, server_default="0"),  # whose it is: see api_keys; 0: people's
    Column("user_id", Id, ForeignKey("users.id", ondelete="SET NULL")),  # who made it
    Column("name", String(200), nullable=False),
    Column("alias", String(100)),  # another name in the API, its owner's only one
    Column("letter", JSON, nullable=False),  # the draft: content/templates/template_letter.py
    Column("is_changed", Boolean, nullable=False),  # since it was published
    Column("published", Integer),  # the number of the version that is in use
    Column("published_at", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    UniqueConstraint("program_id", "alias"),
    **NEVER_REUSED,
)

template_versions = table(  # what each publishing published
    "template_versions",
    Column("template_id", Id, ForeignKey("templates.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # from 1
    Column("uid", String(36), nullable=False),  # UUID: its name in the API
    Column("letter", JSON, nullable=False),
    Column("user_id", Id, ForeignKey("users.id", ondelete="SET NULL")),  # who published it; NULL: a program
    Column("published_at", UtcTime, nullable=False),
)

lists = table(  # recipients that are kept
    "lists",
    Column("id", Id, primary_key=True),
    Column("uid", String(36), nullable=False, unique=True),  # UUID: its name in the API
    Column("program_id", Id, nullable=False, server_default="0"),  # whose it is: see api_keys; 0: people's
    Column("user_id", Id, ForeignKey("users.id", ondelete="SET NULL")),  # who made it
    Column("name", String(60), nullable=False),
    Column("list_name", String(60), nullable=False),  # as mailings have it: what people unsubscribe from
    Column("is_shared", Boolean, nullable=False),  # whether other programs may read it, and send to it
    Column("columns", JSON, nullable=False),  # names of its members' variables, in their order
    Column("total", Integer, nullable=False, server_default="0"),  # members
    Column("import_owner", String(36)),  # the import that is under way,
    Column("importing_until", Millis),  # and its lease; one that ran out: it broke off. NULL: none is
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    UniqueConstraint("program_id", "list_name"),
    **NEVER_REUSED,
)

list_members = table(  # one recipient of a list, with the consent that holds
    "list_members",
    Column("id", Id, primary_key=True),
    Column("list_id", Id, ForeignKey("lists.id", ondelete="CASCADE"), nullable=False),
    Column("address", String(320), nullable=False),
    Column("address_key", String(320), nullable=False),  # lower case
    Column("name", Text, nullable=False, server_default=""),
    Column("variables", JSON, nullable=False),  # {"first_name": "Ann", ...}, without those that are empty
    Column("words", Text, nullable=False, server_default=""),  # name and variables, lower case: for search
    Column("consent_given", Boolean),  # false: withdrawn. NULL: nobody said anything
    Column("consent_at", Millis),
    Column("consent_how", Text, nullable=False, server_default=""),
    Column("consent_evidence", Text, nullable=False, server_default=""),
    Column("consent_noted_at", Millis),
    Column("created_at", Millis, nullable=False),
    Column("updated_at", Millis, nullable=False),
    # In this order: an address is looked up in all lists when somebody unsubscribes.
    UniqueConstraint("address_key", "list_id"),
    Index("ix_list_members_list_id_id", "list_id", "id"),
    **NEVER_REUSED,
)

consent_facts = table(  # what held before: never changed, and gone only with its member
    "consent_facts",
    Column("id", Id, primary_key=True),
    Column("member_id", Id, ForeignKey("list_members.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("given", Boolean, nullable=False),
    Column("at", Millis, nullable=False),
    Column("how", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("noted_at", Millis, nullable=False),
)


IS_NOT_SENT = condition("mailing_id IS NULL")
IS_SENT = condition("mailing_id IS NOT NULL")

drafts = table(  # mailings that are being written
    "drafts",
    Column("id", Id, primary_key=True),
    Column("uid", String(36), nullable=False, unique=True),  # UUID
    Column("user_id", Id, ForeignKey("users.id", ondelete="SET NULL"), index=True),  # whose it is
    Column("program_id", Id, index=True),  # the same, of what came by an API key: see mailings
    Column("changed_by", Id, ForeignKey("users.id", ondelete="SET NULL")),  # NULL: a program, a command
    Column("name", String(200), nullable=False),  # that somebody gave it; "": its subject is its name
    Column("subject", Text, nullable=False),
    Column("recipients", Integer),  # as far as it is known; NULL: it is not
    Column("form", JSON, nullable=False),  # see drafts/kept_fields.py
    Column("revision", Integer, nullable=False),  # rises with every change
    Column("writer", String(64), nullable=False),  # the page that wrote it last,
    Column("writes", Integer, nullable=False),  # and how many changes that had made by then
    Column("octets", BigInteger, nullable=False),  # of all that is kept of it
    Column("version", Integer, nullable=False),  # the newest one's number; 0: there is none
    Column("version_at", UtcTime),
    Column("is_changed", Boolean, nullable=False),  # since that version
    Column("mailing_id", Id, ForeignKey("mailings.id", ondelete="SET NULL")),  # that it became
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    partial_index("ix_drafts_not_sent", "updated_at", "id", where=IS_NOT_SENT),
    partial_index("ix_drafts_mailing_id", "mailing_id", where=IS_SENT),
    **NEVER_REUSED,
)

draft_versions = table(  # what a draft was before
    "draft_versions",
    Column("draft_id", Id, ForeignKey("drafts.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # from 1
    Column("form", JSON, nullable=False),
    Column("reason", String(10), nullable=False),  # pause | check | test | send | restore
    Column("user_id", Id, ForeignKey("users.id", ondelete="SET NULL")),  # who had written it
    Column("at", UtcTime, nullable=False),
)

draft_blobs = table(  # files and long texts of a draft and its versions, each of them once
    "draft_blobs",
    Column("id", Id, primary_key=True),
    Column("draft_id", Id, ForeignKey("drafts.id", ondelete="CASCADE"), nullable=False),
    Column("digest", String(64), nullable=False),  # sha-256, hex
    Column("size", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
    UniqueConstraint("draft_id", "digest"),
)


IS_REPEATING = condition("state = 'active'")

repeats = table(  # a draft that is kept, and a rule: each tick makes one mailing of it
    "repeats",
    Column("id", Id, primary_key=True),
    Column("uid", String(36), nullable=False, unique=True),  # UUID: its name in the API
    Column("state", word_of(RepeatState), nullable=False),
    Column("user_id", Id, ForeignKey("users.id", ondelete="SET NULL")),
    Column("program_id", Id),  # whose it is: see api_keys; NULL: people's
    Column("sender", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("total", Integer, nullable=False),  # recipients
    Column("rule", String(200), nullable=False),
    Column("zone", String(64), nullable=False),
    Column("hours", String(120)),  # sending hours of its mailings
    Column("next_at", UtcTime),  # the next tick; NULL: there is none
    Column("ends_at", UtcTime),  # no tick after this
    Column("times", Integer),  # so many ticks more; NULL: without an end
    Column("paused_for", Text),  # why it paused itself
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    partial_index("ix_repeats_next_at", "next_at", where=IS_REPEATING),
    **NEVER_REUSED,
)

repeat_drafts = table(  # what a repeat sends and to whom, apart from it: lists must not read megabytes
    "repeat_drafts",
    Column("repeat_id", Id, ForeignKey("repeats.id", ondelete="CASCADE"), primary_key=True),
    Column("draft", LargeBinary, nullable=False),  # engine/repeats/kept_submission.py
)

repeat_ticks = table(  # what became of each tick; the key makes it one mailing at the most
    "repeat_ticks",
    Column("repeat_id", Id, ForeignKey("repeats.id", ondelete="CASCADE"), primary_key=True),
    Column("tick_at", Millis, primary_key=True, autoincrement=False),
    Column("mailing_id", Id, ForeignKey("mailings.id", ondelete="CASCADE"), index=True),  # NULL: it made none
    Column("by_hand", Boolean, nullable=False),  # somebody asked for it, and no rule
    Column("why", Text, nullable=False, server_default=""),  # it made no mailing
    Column("noted_at", Millis, nullable=False),
)


def is_ledger(connection: Connection) -> bool:
    """Whether that database has our mailings, of whatever version, and no stranger's table of that name."""
    inspector = inspect(connection)
    if not inspector.has_table(mailings.name):
        return False
    return {"uid", "accept_ms"} <= {column["name"] for column in inspector.get_columns(mailings.name)}
