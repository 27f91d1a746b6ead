from __future__ import annotations

import pytest

from mailroom.sink.certificates import Kind
from mailroom.smtp.failure import Failure
from mailroom.smtp.reply import Reply
from tests.smtp.conftest import Certificates, Deliver, Sink, Tray

pytestmark = pytest.mark.usefixtures("each_loop")

HOW = pytest.mark.parametrize("how", ["starttls", "implicit"])
LOGIN = {"username": "ann", "password": "open sesame"}


@HOW
def test_it_speaks_tls_with_a_server_that_it_can_verify(
    sink: Sink, deliver: Deliver, tray: type[Tray], certificates: Certificates, how: str
) -> None:
    pem = certificates("good")
    server = sink(tls=how, certificate=pem, auth="ann:open sesame")
    letters = deliver(server, tray("a@x.org", "b@x.org"), tls=how, ca_file=str(pem), **LOGIN)
    assert all(isinstance(outcome, Reply) for outcome in letters.outcomes.values())
    assert len(server.messages()) == 2


@HOW
@pytest.mark.parametrize(
    ("kind", "trusted", "words"),
    [
        ("self-signed", False, "self-signed"),
        ("wrong-host", True, "not valid for '127.0.0.1'"),
        ("expired", True, "expired"),
    ],
)
def test_a_bad_certificate_gets_nothing(
    sink: Sink, deliver: Deliver, certificates: Certificates, how: str, kind: Kind, trusted: bool, words: str
) -> None:
    pem = certificates(kind)
    server = sink(tls=how, certificate=pem, auth="ann:open sesame")
    with pytest.raises(Failure) as caught:
        deliver(server, "a@x.org", tls=how, ca_file=str(pem) if trusted else None, **LOGIN)
    failure = caught.value
    assert (failure.stage, failure.kind, failure.scope) == ("tls", "temporary", "server")
    assert words in failure.message
    assert not server.messages()


def test_without_starttls_nothing_goes_out_in_clear(sink: Sink, deliver: Deliver) -> None:
    server = sink()
    with pytest.raises(Failure, match="does not offer STARTTLS") as caught:
        deliver(server, "a@x.org", tls="starttls")
    assert (caught.value.stage, caught.value.scope) == ("tls", "server")


@pytest.mark.parametrize("injected", ["250 AUTH PLAIN\\r\\n", "250-evil", "x"])
def test_words_slipped_in_before_tls_end_it(
    sink: Sink, deliver: Deliver, certificates: Certificates, injected: str
) -> None:
    pem = certificates("good")
    server = sink(f"any: garbage starttls 220 go\\r\\n{injected}", tls="starttls", certificate=pem)
    with pytest.raises(Failure) as caught:
        deliver(server, "a@x.org", tls="starttls", ca_file=str(pem))
    assert (caught.value.stage, caught.value.scope) == ("tls", "server")
    assert not server.messages()


@pytest.mark.parametrize("rule", ["stall starttls", "drop starttls", "reply starttls 454 4.7.0 not now"])
def test_a_starttls_that_fails_is_the_servers_fault(
    sink: Sink, deliver: Deliver, certificates: Certificates, rule: str
) -> None:
    server = sink(f"any: {rule}", tls="starttls", certificate=certificates("good"))
    with pytest.raises(Failure) as caught:
        deliver(server, "a@x.org", tls="starttls", timeout=0.3)
    assert (caught.value.stage, caught.value.scope) == ("tls", "server")


def test_speaking_tls_to_a_plain_server_fails_clearly(sink: Sink, deliver: Deliver) -> None:
    with pytest.raises(Failure) as caught:
        deliver(sink(), "a@x.org", tls="implicit")
    assert (caught.value.stage, caught.value.scope) == ("tls", "server")


@pytest.mark.parametrize("rule", ["drop dot", "drop after-record", "stall mail", "garbage rcpt"])
def test_failures_mean_the_same_under_tls(
    sink: Sink, deliver: Deliver, certificates: Certificates, rule: str
) -> None:
    pem = certificates("good")
    server = sink(f"any: {rule}", tls="starttls", certificate=pem)
    failure = deliver(server, "a@x.org", tls="starttls", ca_file=str(pem), timeout=0.5).failures["a@x.org"]
    assert failure.kind == ("unknown" if rule[0] == "d" else "temporary")


def test_a_large_message_goes_through(
    sink: Sink, deliver: Deliver, tray: type[Tray], certificates: Certificates
) -> None:
    pem = certificates("good")
    server = sink(tls="starttls", certificate=pem)
    content = (b"." * 76 + b"\r\n") * 40_000
    letters = tray("a@x.org", "b@x.org", content=content)
    deliver(server, letters, tls="starttls", ca_file=str(pem))
    assert [message.raw for message in server.messages()] == [content, content]
