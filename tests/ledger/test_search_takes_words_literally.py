"""What a person searches for is text: neither % nor _ stands for anything else."""

from __future__ import annotations

from mailroom.database.engine import Database
from mailroom.ledger.deliveries import search
from mailroom.ledger.mailings import mailings
from tests.ledger.book import Book


def test_addresses_and_subjects_are_searched_literally(database: Database) -> None:
    Book(database).accept(["ann_lee@mail.example", "annxlee@mail.example", "per%cent@mail.example"])
    with database.read() as connection:
        found = {
            words: [delivery.address for delivery, _ in search.recipients(connection, words)]
            for words in ("n_l", "r%c", "NN_LEE")
        }
        subjects = [mailing.subject for mailing in mailings.search(connection, "hEll")]
        nothing = mailings.search(connection, "h%o")
    assert found == {
        "n_l": ["ann_lee@mail.example"],
        "r%c": ["per%cent@mail.example"],
        "NN_LEE": ["ann_lee@mail.example"],
    }
    assert subjects == ["Hello"]
    assert nothing == []
