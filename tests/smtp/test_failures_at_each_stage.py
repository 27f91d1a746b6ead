from __future__ import annotations

import pytest

from mailroom.smtp.failure import Failure
from mailroom.smtp.reply import Reply
from tests.smtp.conftest import Deliver, Sink, Tray

PIPELINING = pytest.mark.parametrize("pipelining", ["on", "off"])


@PIPELINING
@pytest.mark.parametrize(
    ("rule", "stage", "kind", "scope"),
    [
        ("reply mail 451 4.3.0 busy", "mail", "temporary", "delivery"),
        ("reply mail 550 5.7.1 sender unwelcome", "mail", "permanent", "delivery"),
        ("reply rcpt 450 4.2.0 try again in 60 seconds", "rcpt", "temporary", "delivery"),
        ("reply rcpt 550 5.1.1 No such user", "rcpt", "permanent", "delivery"),
        ("reply data 451 4.3.0 busy", "data", "temporary", "delivery"),
        ("reply data 554 5.7.1 no", "data", "permanent", "delivery"),
        ("reply dot 452 4.3.1 full", "dot", "temporary", "delivery"),
        ("reply dot 552 5.2.3 too large", "dot", "permanent", "delivery"),
        ("reply mail 421 4.3.2 closing", "mail", "temporary", "session"),
        ("reply rcpt 421 4.3.2 closing", "rcpt", "temporary", "session"),
        ("reply data 421 4.3.2 closing", "data", "temporary", "session"),
        ("reply dot 421 4.3.2 closing", "dot", "temporary", "delivery"),
        ("reply mail 530 5.7.0 Authentication required", "auth", "temporary", "server"),
    ],
)
def test_a_refusal_names_its_stage_and_keeps_the_words(
    sink: Sink, deliver: Deliver, rule: str, stage: str, kind: str, scope: str, pipelining: str
) -> None:
    server = sink(f"any: {rule}", pipelining=pipelining)
    failure = deliver(server, "ann@example.org").failures["ann@example.org"]
    assert isinstance(failure, Failure)
    assert (failure.stage, failure.kind, failure.scope) == (stage, kind, scope)
    _, _, code, words = rule.split(" ", 3)
    assert failure.reply == Reply(int(code), words)
    assert words in failure.message
    assert not server.messages()


@PIPELINING
def test_a_refused_recipient_does_not_harm_the_next(
    sink: Sink, deliver: Deliver, tray: type[Tray], pipelining: str
) -> None:
    server = sink("rcpt bad*: reply rcpt 550 5.1.1 No such user", pipelining=pipelining)
    names = ["a@x.org", "bad1@x.org", "b@x.org", "bad2@x.org", "bad3@x.org", "c@x.org"]
    outcomes = deliver(server, tray(*names)).outcomes
    assert [name for name in names if isinstance(outcomes[name], Reply)] == ["a@x.org", "b@x.org", "c@x.org"]
    assert [message.recipient for message in server.messages()] == ["a@x.org", "b@x.org", "c@x.org"]
    assert server.connections_seen == 1


@PIPELINING
def test_a_refused_message_does_not_harm_the_next(
    sink: Sink, deliver: Deliver, tray: type[Tray], pipelining: str
) -> None:
    server = sink(
        "rcpt bad1: reply dot 554 5.7.1 spam",
        "rcpt bad2: reply data 451 4.3.0 later",
        "from *: delay mail 0",
        pipelining=pipelining,
    )
    failures = deliver(server, tray("bad1@x.org", "a@x.org", "bad2@x.org", "b@x.org")).failures
    assert failures["bad1@x.org"].kind == "permanent"
    assert failures["bad2@x.org"].kind == "temporary"
    assert [message.recipient for message in server.messages()] == ["a@x.org", "b@x.org"]
    assert server.connections_seen == 1


@pytest.mark.parametrize(
    ("rule", "stage", "words"),
    [
        ("reply connect 421 4.3.2 busy", "connect", "421 4.3.2 busy"),
        ("reply connect 554 5.7.1 go away", "connect", "554 5.7.1 go away"),
        ("reply ehlo 421 4.3.2 busy", "ehlo", "421 4.3.2 busy"),
        ("drop connect", "connect", "hung up"),
        ("drop ehlo", "ehlo", "hung up"),
        ("garbage connect", "connect", "not SMTP"),
        ("garbage ehlo 250-a\\r\\n550 b\\r\\n", "ehlo", "not SMTP"),
    ],
)
def test_a_server_that_will_not_talk_is_the_servers_fault(
    sink: Sink, deliver: Deliver, rule: str, stage: str, words: str
) -> None:
    with pytest.raises(Failure) as caught:
        deliver(sink(f"any: {rule}"), "ann@example.org")
    failure = caught.value
    assert (failure.stage, failure.kind, failure.scope) == (stage, "temporary", "server")
    assert words in failure.message


def test_a_closed_port_says_so(sink: Sink, deliver: Deliver) -> None:
    server = sink()
    server.stop()
    with pytest.raises(Failure, match="cannot be reached: Connection refused") as caught:
        deliver(server, "ann@example.org")
    assert (caught.value.stage, caught.value.scope) == ("connect", "server")


def test_it_falls_back_to_helo(sink: Sink, deliver: Deliver) -> None:
    server = sink(ehlo=False)
    assert isinstance(deliver(server, "ann@example.org").outcomes["ann@example.org"], Reply)
    assert len(server.messages()) == 1


def test_greylisting_ends_after_its_number_of_tries(sink: Sink, deliver: Deliver) -> None:
    server = sink("any: greylist 2")
    kinds = [deliver(server, "ann@example.org").outcomes["ann@example.org"] for _ in range(3)]
    assert [getattr(kind, "kind", "sent") for kind in kinds] == ["temporary", "temporary", "sent"]
