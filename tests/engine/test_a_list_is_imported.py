"""An import into a list: told beforehand, done in parts, and consent is never overwritten without a trace."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, func, select

from mailroom.content.lists.conditions import Comparison, Condition
from mailroom.content.lists.newcomers import Newcomer, newcomers
from mailroom.content.lists.stated_consent import StatedConsent
from mailroom.content.recipients.parsed import Parsed, Recipient
from mailroom.content.recipients.pasted_cells import parse_typed
from mailroom.content.recipients.spool import Recipients
from mailroom.database.engine import Database
from mailroom.engine.lists import importing, making, reading, removing
from mailroom.engine.lists.arrivals import ImportWish, ListChanges, ListCounts
from mailroom.engine.lists.making import NewListName
from mailroom.ledger.consent import unsubscribing
from mailroom.ledger.consent.scopes import ALL_MAIL, Scope
from mailroom.ledger.consent.unsubscribing import Subscription
from mailroom.ledger.lists import consent, kept, lease, members
from mailroom.ledger.lists.kept import KeptList, NameTaken
from mailroom.ledger.lists.lease import ListIsBusy
from mailroom.ledger.lists.members import Member
from mailroom.ledger.schema import consent_facts, list_members

FIRST = "email\tname\tcity\nann@mail.example\tAnn\tBerlin\nbob@mail.example\tBob\tRome\n"
REPLACES = ImportWish(replaces=True)
IN_2024 = datetime(2024, 5, 1, tzinfo=UTC)


class Lists:
    """A list, and what tests do with it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        with database.begin() as connection:
            self.id = kept.add(connection, "Digest", "digest").id

    @property
    def kept(self) -> KeptList:
        with self.database.read() as connection:
            found = kept.by_id(connection, self.id)
        assert found is not None
        return found

    def plan(self, text: str, wish: ImportWish = ImportWish()) -> ListChanges:  # noqa: B008
        with self.database.read() as connection:
            return importing.plan_import(connection, self.kept, newcomers(parse_typed(text)), wish)

    def take(self, text: str, wish: ImportWish = ImportWish()) -> ListCounts:  # noqa: B008
        planned = self.plan(text, wish).counts
        done = importing.import_into(self.database, self.kept, newcomers(parse_typed(text)), wish, planned)
        assert done.counts == planned, "what was told is what was done"
        return done.counts

    def everybody(self) -> list[Member]:
        with self.database.read() as connection:
            return list(members.each(connection, self.id))

    def one(self, address: str) -> Member:
        with self.database.read() as connection:
            found = members.find(connection, self.id, address)
        assert found is not None
        return found

    def rows(self) -> dict[str, tuple[str, dict[str, object]]]:
        return {one.address: (one.name, dict(one.variables)) for one in self.everybody()}


@pytest.fixture
def lists(database: Database) -> Lists:
    return Lists(database)


def test_to_add_writes_over_what_the_file_says_and_nothing_else(lists: Lists) -> None:
    assert lists.take(FIRST) == (2, 0, 0, 0)
    more = "email\tname\tcity\tage\nANN@mail.example\t\tParis\t42\ncy@mail.example\tCy\t\t\n"
    assert lists.plan(more).examples["changed"] == [
        ("ANN@mail.example", "city: Berlin → Paris, age: (empty) → 42")
    ]
    assert lists.take(more) == (1, 1, 0, 1)
    assert lists.rows() == {
        "ANN@mail.example": ("Ann", {"city": "Paris", "age": "42"}),
        "bob@mail.example": ("Bob", {"city": "Rome"}),
        "cy@mail.example": ("Cy", {}),
    }
    assert (lists.kept.columns, lists.kept.total) == (["city", "age"], 3)
    assert lists.take(more) == (0, 0, 0, 3), "the same once more changes nobody"


def test_to_replace_leaves_exactly_the_file(lists: Lists) -> None:
    lists.take(FIRST)
    ann = lists.one("ann@mail.example").id
    new = "email\ttown\nann@mail.example\tOslo\ndan@mail.example\t\n"
    assert lists.plan(new, REPLACES).examples["removed"] == [("bob@mail.example", "")]
    assert lists.take(new, REPLACES) == (1, 1, 1, 0)
    assert lists.rows() == {"ann@mail.example": ("", {"town": "Oslo"}), "dan@mail.example": ("", {})}
    assert (lists.kept.columns, lists.kept.total) == (["town"], 2)
    assert lists.one("ann@mail.example").id == ann, "who stays is the same one, with their history"


def test_many_are_imported_in_parts(lists: Lists, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (importing, members):
        monkeypatch.setattr(module, "MEMBERS_AT_ONCE", 7)
    people = [f"p{number}@mail.example" for number in range(50)]
    assert lists.take("\n".join(people)) == (50, 0, 0, 0)
    assert lists.take("\n".join([*people[10:30], "new@mail.example"]), REPLACES) == (1, 0, 30, 20)
    assert sorted(lists.rows()) == sorted([*people[10:30], "new@mail.example"])


def test_who_would_go_is_counted_without_being_read(lists: Lists, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (importing, members):
        monkeypatch.setattr(module, "MEMBERS_AT_ONCE", 7)
    monkeypatch.setattr(importing, "EXAMPLES_SHOWN", 3)
    people = [f"p{number}@mail.example" for number in range(50)]
    lists.take("\n".join(people))
    asked, ids_after = list[int](), members.ids_after

    def noted(connection: Connection, list_id: int, after_id: int, limit: int) -> list[int]:
        asked.append(after_id)
        return ids_after(connection, list_id, after_id, limit)

    monkeypatch.setattr(members, "ids_after", noted)
    told = lists.plan("\n".join(people[1:3]), REPLACES)
    assert told.counts == (0, 0, 48, 2) and asked == [0]
    assert [address for address, _ in told.examples["removed"]] == [people[0], people[3], people[4]]
    assert lists.plan("\n".join(people), REPLACES).counts == (0, 0, 0, 50) and asked == [0]


def test_what_was_not_agreed_to_is_not_done(lists: Lists) -> None:
    planned = lists.plan(FIRST).counts
    lists.take("ann@mail.example")
    with pytest.raises(importing.ListHasChanged):
        importing.import_into(
            lists.database, lists.kept, newcomers(parse_typed(FIRST)), ImportWish(), planned
        )
    assert list(lists.rows()) == ["ann@mail.example"] and lists.kept.importing_until is None


def test_one_import_at_a_time_and_nobody_sends_to_what_is_half_done(lists: Lists) -> None:
    lists.take(FIRST)
    with lists.database.begin() as connection:
        owner = lease.take(connection, lists.id)
    with pytest.raises(ListIsBusy):
        importing.import_into(lists.database, lists.kept, newcomers(parse_typed(FIRST)), REPLACES)
    with lists.database.read() as connection, pytest.raises(reading.ListNotReady, match="just now"):
        reading.parsed_of(connection, lists.kept)
    with lists.database.begin() as connection:
        lease.break_off(connection, lists.id, owner)
    with lists.database.read() as connection, pytest.raises(reading.ListNotReady, match="broke off"):
        reading.parsed_of(connection, lists.kept)
    lists.take(FIRST, REPLACES)
    with lists.database.read() as connection:
        assert len(reading.parsed_of(connection, lists.kept).recipients) == 2
    with lists.database.begin() as connection, pytest.raises(lease.ImportOvertaken):
        lease.take(connection, lists.id)
        lease.renew(connection, lists.id, owner)


def test_an_import_that_breaks_off_says_so(lists: Lists) -> None:
    class _Breaks(Recipients):
        def __iter__(self):  # type: ignore[no-untyped-def]
            yield Recipient("ann@mail.example")
            raise OSError("the disk is gone")

    lists.take("ann@mail.example\nbob@mail.example")
    with pytest.raises(OSError, match="disk"):
        importing.import_into(lists.database, lists.kept, newcomers(Parsed(_Breaks())), REPLACES)
    assert lists.kept.importing_until == 0 and len(lists.rows()) == 2


def test_a_mailing_gets_every_column_and_all_in_one_picture(lists: Lists) -> None:
    lists.take(FIRST + "cy@mail.example\t\t\n")
    with lists.database.read() as connection:
        parsed = reading.parsed_of(connection, lists.kept)
    assert [(one.address, one.variables) for one in parsed.recipients] == [
        ("ann@mail.example", {"city": "Berlin"}),
        ("bob@mail.example", {"city": "Rome"}),
        ("cy@mail.example", {"city": ""}),
    ]


CONSENTED = "email\tconsent_at\tconsent_how\tconsent_evidence\nann@mail.example\t2024-05-01\tform\thttps://a.example\n"


def facts(lists: Lists, address: str) -> list[tuple[bool, str]]:
    """What holds, then what held before."""
    member = lists.one(address)
    with lists.database.read() as connection:
        held = consent.history(connection, member.id)
    return [(fact.given, fact.how) for fact in ([member.consent] if member.consent else []) + held]


def test_consent_comes_by_row_or_for_everybody_who_has_none(lists: Lists) -> None:
    wish = ImportWish(consent=StatedConsent(how="import", evidence="guests.xlsx"))
    assert lists.plan(CONSENTED + "bob@mail.example\t\t\t\n", wish).consents == 2
    lists.take(CONSENTED + "bob@mail.example\t\t\t\n", wish)
    ann, bob = lists.one("ann@mail.example").consent, lists.one("bob@mail.example").consent
    assert ann is not None and ann[:4] == (True, IN_2024, "form", "https://a.example")
    assert bob is not None and (bob.how, bob.evidence) == ("import", "guests.xlsx")
    assert lists.kept.columns == [], "what states consent is no variable"
    later = ImportWish(consent=StatedConsent(how="another import"))
    assert lists.plan("ann@mail.example\nbob@mail.example", later).consents == 0, "they have theirs"


def test_a_newer_fact_takes_its_place_and_the_older_one_is_kept(lists: Lists) -> None:
    lists.take(CONSENTED)
    assert lists.take(CONSENTED) == (0, 0, 0, 1)
    lists.take(CONSENTED.replace("2024-05-01\tform", "2025-01-01\tspoken"))
    assert facts(lists, "ann@mail.example") == [(True, "spoken"), (True, "form")]
    lists.take(CONSENTED.replace("2024-05-01\tform", "2023-01-01\tletter"))
    assert facts(lists, "ann@mail.example") == [(True, "spoken"), (True, "form")], (
        "an older one says nothing new"
    )
    lists.take("ann@mail.example", REPLACES)
    assert facts(lists, "ann@mail.example") == [(True, "spoken"), (True, "form")], (
        "nor does one that is silent"
    )


@pytest.mark.parametrize(
    ("scope", "is_about_it"),
    [
        (ALL_MAIL, True),
        (Scope("news@acme.example"), True),
        (Scope("news@acme.example", "digest"), True),
        (Scope("news@acme.example", "offers"), False),
    ],
)
def test_who_unsubscribes_withdraws_their_consent(lists: Lists, scope: Scope, is_about_it: bool) -> None:
    lists.take(CONSENTED + "bob@mail.example\t\t\t\n")
    of = Subscription(7, "ann@mail.example", Scope("news@acme.example", "digest"))
    with lists.database.begin() as connection:
        assert unsubscribing.unsubscribe(connection, of, scope, "one click")
        assert not unsubscribing.unsubscribe(connection, of, scope, "one click")
    if not is_about_it:
        assert facts(lists, "ann@mail.example") == [(True, "form")]
        return
    (given, how), *before = facts(lists, "ann@mail.example")
    assert not given and how.startswith("unsubscribed from") and before == [(True, "form")]
    assert facts(lists, "bob@mail.example") == []

    silent = ImportWish(consent=StatedConsent(how="import"))
    lists.take("email\tconsent\nann@mail.example\tyes\n", silent)
    assert lists.one("ann@mail.example").consent.given is False, "nobody says when it was given again"  # type: ignore[union-attr]
    with lists.database.begin() as connection:
        assert unsubscribing.take_back(connection, of, scope)
    assert [given for given, _ in facts(lists, "ann@mail.example")] == [True, False, True]


def test_a_list_is_made_of_those_for_whom_all_conditions_hold(lists: Lists) -> None:
    table = (
        "email\tcity\tage\tsince\na@mail.example\tBerlin\t9\t2024-01-31\nb@mail.example\tberlin\t10\t2024-02-01\n"
        "c@mail.example\tRome\t100\t\n"
    )
    lists.take(table)

    def chosen(*conditions: tuple[str, str, str]) -> str:
        made = [Condition(column, Comparison(how), value) for column, how, value in conditions]
        new = making.from_list(lists.database, lists.kept, made, NewListName("Some", f"{conditions}"[:60]))
        with lists.database.read() as connection:
            found = "".join(one.address[0] for one in members.each(connection, new.id))
        assert new.total == len(found) and new.importing_until is None and new.columns == lists.kept.columns
        return found

    assert chosen(("city", "is", "BERLIN")) == "ab"
    assert chosen(("city", "is_not", "Berlin")) == "c"
    assert chosen(("age", "greater", "9.5")) == "bc", "numbers are compared as numbers"
    assert chosen(("since", "less", "2024-02-01")) == "a", "what is empty is neither less nor greater"
    assert chosen(("since", "is_empty", ""), ("city", "contains", "om")) == "c"
    assert chosen(("email", "contains", "mail.example"), ("age", "is", "9.0")) == "a"
    with pytest.raises(NameTaken):
        making.from_list(lists.database, lists.kept, [], NewListName("Digest", "digest"))


def test_a_list_is_removed_with_all_that_is_known_of_its_members(
    lists: Lists, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removing, "MEMBERS_AT_ONCE", 1)
    lists.take(CONSENTED + "bob@mail.example\t\t\t\n")
    lists.take(CONSENTED.replace("2024-05-01", "2025-01-01"))
    with lists.database.begin() as connection:
        assert removing.take_off(connection, lists.kept, ["bob@mail.example", "no@mail.example"]) == 1
    assert lists.kept.total == 1
    removing.remove_list(lists.database, lists.kept)
    with lists.database.read() as connection:
        for table in (list_members, consent_facts):
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 0


def test_one_is_put_and_changed_exactly(lists: Lists) -> None:
    lists.take(FIRST)
    newcomer = Newcomer("ann@mail.example", "Ann Lee", {"plan": 7})
    with lists.database.begin() as connection:
        importing.put(connection, lists.kept, newcomer)
    assert lists.rows()["ann@mail.example"] == ("Ann Lee", {"city": "Berlin", "plan": 7})
    with lists.database.begin() as connection:
        importing.put(connection, lists.kept, newcomer, replaces=True)
    assert lists.rows()["ann@mail.example"] == ("Ann Lee", {"plan": 7})
    assert lists.kept.columns == ["city", "plan"]
