"""Tables of mailings: what is mailed, its files, the keys under which it was submitted, what was decided."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    inspect,
)

from mailroom.database.clock import Millis, UtcTime
from mailroom.database.sql.ddl import NEVER_REUSED, Id, condition, equality_index, partial_index
from mailroom.ledger.schema.metadata import table, word_of
from mailroom.ledger.states import COUNTED, MailingState

# Not the column itself: SQLite would go by the index of states, and sort all that are paused.
_PAUSED_BY_WORKERS = "coalesce(state, '') = 'paused' AND held_for IS NOT NULL"

IS_HELD = condition(f"{_PAUSED_BY_WORKERS} AND held_for <> coalesce(tripped_for, '')")
"""Those that workers paused for what a server said; each kind has an index, for every page tells of them."""

IS_TRIPPED = condition(f"{_PAUSED_BY_WORKERS} AND held_for = coalesce(tripped_for, '')")
"""And those that paused themselves."""

IS_EMAIL_OF_A_PROGRAM = condition("program_id IS NOT NULL AND kind = 'shared'")

HAS_USER = condition("user_id IS NOT NULL")

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
    Column("id_secret", String(32)),  # seals the Message-IDs of its deliveries; NULL: an older Mailroom's
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
    partial_index("ix_mailings_program_id_id", "program_id", "id", where=IS_EMAIL_OF_A_PROGRAM),
    partial_index("ix_mailings_held", "id", where=IS_HELD),
    partial_index("ix_mailings_tripped", "id", where=IS_TRIPPED),
    partial_index("ix_mailings_user_id", "user_id", where=HAS_USER),  # for whoever removes a person
    **NEVER_REUSED,
)

mailing_sums = table(  # of 16,384 mailings that follow each other: see mailings/sums.py
    "mailing_sums",
    Column("block", Id, primary_key=True, autoincrement=False),
    Column("sums", JSON, nullable=False),  # {"done": {"mailings": 9, "sent": 8, ...}, ...}
    Column("is_open", Boolean, nullable=False),  # some of them had not ended
    Column("counted_at", Millis, nullable=False),
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

decisions = table(  # what a person decided for all deliveries of a mailing, while it is carried out
    "decisions",
    Column("mailing_id", Id, ForeignKey("mailings.id", ondelete="CASCADE"), primary_key=True),
    Column("move", String(10), primary_key=True),  # retry | confirm | resend
    Column("after_id", BigInteger, nullable=False),  # deliveries up to this one had their turn
    Column("moved", Integer, nullable=False),
    Column("made_at", Millis, nullable=False),
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

originals = table(  # a whole message that somebody handed in, mailed as it came
    "originals",
    Column("mailing_id", Id, ForeignKey("mailings.id", ondelete="CASCADE"), primary_key=True),
    Column("envelope_sender", String(320), nullable=False),
    Column("data", LargeBinary, nullable=False),
)


def is_ledger(connection: Connection) -> bool:
    """Whether that database has our mailings, of whatever version, and no stranger's table of that name."""
    inspector = inspect(connection)
    if not inspector.has_table(mailings.name):
        return False
    return {"uid", "accept_ms"} <= {column["name"] for column in inspector.get_columns(mailings.name)}
