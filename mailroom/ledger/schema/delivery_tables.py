"""Tables of deliveries, the largest ones, with the indexes that find some of millions."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    SmallInteger,
    String,
    Text,
    literal_column,
)

from mailroom.database.clock import Millis
from mailroom.database.sql.ddl import NEVER_REUSED, Id, condition, partial_index
from mailroom.ledger.schema.metadata import table, word_of
from mailroom.ledger.states import WATCHED, State

TROUBLED = condition("trouble IS NOT NULL")
"""The states that people look for among a million sent ones: they have an index."""

IS_WATCHED = condition("(" + " OR ".join(f"trouble = '{state}'" for state in WATCHED) + ")")

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


BLOCKS_JOINED: ColumnElement[int] = literal_column("20000")
"""More than there are: of 650 million deliveries. Whoever joins blocks to deliveries takes no more of them.

SQLite that has statistics believes that a recursion has a million rows, and would first read all deliveries
of a smaller ledger, to learn which blocks there are (a Bloom filter). It believes a limit in its words.
"""

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
