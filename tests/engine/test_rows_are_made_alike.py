"""Deliveries of whom nobody is suppressed are made column by column; the others one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailroom.content.recipients.parsed import Recipient, keys_of
from mailroom.engine.accept.rows import delivery_rows
from mailroom.ledger.mailings.insertion import NewDelivery

VALUES = st.none() | st.dictionaries(st.sampled_from("abü"), st.text('a"\\ü\n', max_size=3) | st.integers())
PEOPLE = st.builds(
    Recipient,
    st.sampled_from(["ann@x.org", "Bob@X.org", "c@y.org"]),
    st.text(max_size=3),
    VALUES,
    st.sampled_from(["to", "cc"]),
)


@given(st.lists(PEOPLE, max_size=5), st.none() | st.integers(1, 9))
def test_rows_are_the_same_whether_somebody_is_suppressed(people: list[Recipient], batch: int | None) -> None:
    stopped = Recipient("stopped@x.org", "No")
    both = [*people, stopped]

    alone = delivery_rows(7, people, keys_of(people), set(), 1_000, batch)
    beside = delivery_rows(7, both, keys_of(both), {stopped.key}, 1_000, batch)

    assert alone == beside[:-1] and all(type(row) is NewDelivery for row in alone)
    assert beside[-1].state == beside[-1].trouble != "queued"
