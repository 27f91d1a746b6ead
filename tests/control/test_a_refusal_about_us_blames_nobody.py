"""A relay that refuses us, not a recipient: nobody's mail fails, and everybody is told."""

from __future__ import annotations

import pytest

from app import create_app
from mailroom.content.addresses import Address
from mailroom.ledger.mailings import lifecycle, mailings
from mailroom.ledger.relays import circuit, recovery
from mailroom.ledger.states import State
from mailroom.settings import load
from mailroom.web.status.servers import standings
from tests.control.conftest import Start, on_both
from tests.system import System
from tests.web.watching import signed_in

MANY_DOMAINS = [f"person{number}@d{number % 9}.example" for number in range(60)]


def troubles(system: System) -> list[circuit.ServerTrouble]:
    with system.database.read() as connection:
        return circuit.troubled(connection)


def held(system: System) -> dict[int, str]:
    with system.database.read() as connection:
        return {mailing_id: why for mailing_id, _, why in mailings.held(connection, 10)}


def is_at_rest(system: System) -> bool:
    with system.database.read() as connection:
        return not connection.exec_driver_sql("SELECT count(*) FROM batches").scalar_one()


def attempts(system: System) -> int:
    with system.database.read() as connection:
        return int(connection.exec_driver_sql("SELECT max(attempts) FROM deliveries").scalar_one())


@on_both
@pytest.mark.parametrize(
    "rule",
    [
        "reply dot 550 5.4.5 Daily user sending limit exceeded",
        "reply mail 554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException",
        "reply rcpt 550 5.7.1 relaying denied",
        "reply mail 550 Administrative prohibition",
        "reply dot 554 Sending paused for this account",
        "reply rcpt 454 4.7.1 Relay access denied",
        "reply dot 421 4.7.0 Daily message quota exceeded",
    ],
)
def test_the_circuit_opens_and_nobody_fails(start: Start, rule: str) -> None:
    system = start(f"any: {rule}")
    system.start_workers(2)
    mailing = system.accept(200)
    single = system.accept(["ann@other.example"])
    system.wait(lambda: troubles(system) and is_at_rest(system))
    assert system.counts(mailing.mailing_id) == {"queued": 200}
    assert system.counts(single.mailing_id) == {"queued": 1}
    assert attempts(system) == 0 and not system.sink.messages()
    (trouble,) = troubles(system)
    assert trouble.is_about_us and rule.split(" ", 3)[3] in trouble.reply
    system.sink.set_rules([])
    with system.database.begin() as connection:
        assert recovery.reset(connection, trouble.server)
    assert system.wait_until_over(mailing.mailing_id, 40).counts[State.SENT] == 200
    assert system.wait_until_over(single.mailing_id, 40).counts[State.SENT] == 1
    assert attempts(system) == 1 and not troubles(system)


def test_pages_metrics_and_readyz_say_so_and_a_button_ends_it(start: Start) -> None:
    system = start("any: reply dot 550 5.4.5 Daily user sending limit exceeded")
    system.start_workers(1)
    system.accept(["ann@mail.example"])
    system.wait(lambda: troubles(system) and is_at_rest(system))
    app = create_app(load(system.environment))
    app.config["WTF_CSRF_ENABLED"] = False
    client, parts = signed_in(app), app.extensions["mailroom"]
    page = client.get("/mailings").text
    assert "550 5.4.5 Daily user sending limit exceeded" in page and "no recipient is blamed" in page
    assert "mailroom_servers_in_trouble 1.0" in client.get("/metrics").text
    (standing,) = standings(parts) or []
    assert (standing["in_trouble"], standing["stage"], standing["code"]) == (True, "dot", 550)
    answer = client.post("/settings/relay", data={"server": standing["server"]}, follow_redirects=True)
    assert "is tried now" in answer.text
    parts.database.dispose()
    parts.queue.close()


@on_both
def test_it_heals_by_itself(start: Start) -> None:
    system = start("any: reply rcpt 550 5.7.1 relaying denied")
    system.start_workers(2)
    mailing = system.accept(50)
    system.wait(lambda: troubles(system))
    system.sink.set_rules([])
    assert system.wait_until_over(mailing.mailing_id, 40).counts[State.SENT] == 50
    assert not troubles(system)


@on_both
def test_who_is_refused_for_themselves_fails_at_once_beside_others_that_go(start: Start) -> None:
    rules = [
        "rcpt nobody*: reply rcpt 550 5.1.1 No such user",
        "rcpt outside*: reply rcpt 554 5.7.1 Relay access denied",
        "rcpt spam*: reply dot 554 5.7.1 rejected",
        "rcpt *@blocked.example: reply rcpt 550 5.7.1 Access denied",
        "rcpt *@blocked-too.example: reply rcpt 550 5.7.1 Access denied",
    ]
    system = start(*rules)
    system.start_workers(1)
    blocked = [f"a{number}@{domain}.example" for domain in ("blocked", "blocked-too") for number in range(20)]
    odd = ["nobody1@x.example", "outside1@y.example", "nobody2@z.example", "spam@v.example"]
    mailing = system.accept([*blocked, *odd, *(f"p{number}@fine.example" for number in range(40))])
    counts = system.wait_until_over(mailing.mailing_id).counts
    assert {state: number for state, number in counts.items() if number} == {"sent": 40, "failed": 44}
    assert not troubles(system) and not held(system)


@on_both
def test_one_whole_domain_may_refuse_everybody(start: Start) -> None:
    system = start("any: reply rcpt 550 5.7.1 Access denied")
    system.start_workers(1)
    mailing = system.accept(40)
    assert system.wait_until_over(mailing.mailing_id).counts[State.FAILED] == 40


@on_both
def test_one_reply_for_many_domains_in_a_row_pauses_the_mailing(start: Start) -> None:
    system = start("any: reply dot 554 5.7.1 Computer says no, id 4711")
    system.start_workers(2)
    mailing = system.accept(MANY_DOMAINS)
    system.wait(lambda: held(system) and is_at_rest(system))
    assert "Computer says no" in held(system)[mailing.mailing_id]
    assert system.counts(mailing.mailing_id) == {"queued": 60}
    assert system.mailing(mailing.mailing_id).state == "paused" and not troubles(system)
    with system.database.begin() as connection:
        lifecycle.resume(connection, mailing.mailing_id)
    assert system.wait_until_over(mailing.mailing_id).counts[State.FAILED] == 60, "a person had it go on"


def test_one_reply_for_many_single_mails_in_a_row_opens_the_circuit(start: Start) -> None:
    system = start("any: reply rcpt 554 Computer says no")
    system.start_workers(1)
    singles = [system.accept([address]) for address in MANY_DOMAINS[:20]]
    system.wait(lambda: troubles(system) and is_at_rest(system))
    states = [state for single in singles for state in system.counts(single.mailing_id)]
    assert states.count("failed") < 5 and states.count("queued") > 15


@on_both
def test_a_refused_sender_pauses_its_mailing_and_nobody_else_s(start: Start) -> None:
    words = "553 5.7.1 <shop@mailroom.example>: Sender address rejected: not owned by user ann"
    system = start(f"from shop: reply rcpt {words}")
    system.start_workers(1)
    refused = system.accept(30, sender=Address("shop@mailroom.example"))
    fine = system.accept(30)
    assert system.wait_until_over(fine.mailing_id).counts[State.SENT] == 30
    system.wait(lambda: held(system) and is_at_rest(system))
    assert "shop@mailroom.example" in held(system)[refused.mailing_id]
    assert system.counts(refused.mailing_id) == {"queued": 30} and attempts(system) == 1
    assert not troubles(system)
    system.sink.set_rules([])
    with system.database.begin() as connection:
        lifecycle.resume(connection, refused.mailing_id)
    assert system.wait_until_over(refused.mailing_id).counts[State.SENT] == 30
    assert not held(system)


@on_both
def test_one_mail_that_is_always_refused_so_stops_nobody_for_long(start: Start) -> None:
    system = start("rcpt outside: reply rcpt 550 5.7.1 relaying denied")
    system.start_workers(1)
    poison = system.accept(["outside@x.example"])
    system.wait(lambda: troubles(system))
    others = [system.accept([f"p{number}@y.example"]) for number in range(5)]
    for other in others:
        assert system.wait_until_over(other.mailing_id, 20).counts[State.SENT] == 1
    assert system.wait_until_over(poison.mailing_id, 30).counts[State.FAILED] == 1
    assert not troubles(system)
