from __future__ import annotations

import hashlib
import smtplib
import ssl
import time
from pathlib import Path

import pytest

from mailroom.sink import ThreadedSink
from mailroom.sink.certificates import make_certificate

# smtplib on purpose: a client that knows nothing of ours.
MAIL = "Subject: hi\r\nMessage-ID: <1@x.org>\r\n\r\n.dot\r\nline\r\n"


def send(port: int, *recipients: str, text: str = MAIL) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
        client.sendmail("news@x.org", list(recipients), text)


def test_it_records_every_recipient_of_a_message() -> None:
    with ThreadedSink(keep=True) as sink:
        send(sink.port, "ann@x.org", "bob@x.org")
        messages = sink.wait(2)
    assert [message.recipient for message in messages] == ["ann@x.org", "bob@x.org"]
    message = messages[0]
    assert (message.sender, message.message_id, message.size) == ("news@x.org", "<1@x.org>", len(MAIL))
    assert message.raw.decode() == MAIL
    assert message.sha == hashlib.sha256(MAIL.encode()).hexdigest()
    assert abs(message.time - time.time()) < 5


def test_a_delayed_message_takes_its_time_and_holds_up_nobody_else() -> None:
    with ThreadedSink(["rcpt slow: delay dot 0.5"]) as sink, smtplib.SMTP("127.0.0.1", sink.port) as slow:
        slow.docmd("MAIL FROM:<a@x.org>")
        slow.docmd("RCPT TO:<slow@x.org>")
        slow.docmd("DATA")
        began = time.monotonic()
        slow.send(b"hi\r\n.\r\n")
        send(sink.port, "quick@x.org")
        assert slow.getreply()[0] == 250
        assert time.monotonic() - began >= 0.5
    assert [message.recipient for message in sink.messages()] == ["quick@x.org", "slow@x.org"]


def test_rules_may_change_while_it_runs() -> None:
    with ThreadedSink(["any: reply rcpt 550 no"]) as sink:
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            send(sink.port, "ann@x.org")
        sink.set_rules([])
        send(sink.port, "ann@x.org")
        assert len(sink.messages()) == 1


def test_it_comes_back_on_the_same_port() -> None:
    with ThreadedSink() as sink:
        send(sink.port, "ann@x.org")
        sink.stop()
        with pytest.raises(OSError):
            send(sink.port, "bob@x.org")
        sink.start()
        send(sink.port, "bob@x.org")
        assert [message.recipient for message in sink.messages()] == ["ann@x.org", "bob@x.org"]


def test_it_limits_connections() -> None:
    with (
        ThreadedSink(max_connections=1) as sink,
        smtplib.SMTP("127.0.0.1", sink.port),
        pytest.raises(smtplib.SMTPConnectError, match="421"),
    ):
        smtplib.SMTP("127.0.0.1", sink.port)


def test_it_demands_a_login_and_speaks_tls(tmp_path: Path) -> None:
    pem = make_certificate(tmp_path, "good")
    with ThreadedSink(tls="starttls", certificate=pem, auth="ann:secret") as sink:
        with smtplib.SMTP("127.0.0.1", sink.port) as client:
            client.starttls(context=ssl.create_default_context(cafile=str(pem)))
            with pytest.raises(smtplib.SMTPSenderRefused):
                client.sendmail("a@x.org", ["b@x.org"], MAIL)
            client.rset()
            client.login("ann", "secret")
            client.sendmail("a@x.org", ["b@x.org"], MAIL)
        assert len(sink.messages()) == 1


def test_an_empty_message_to_nobody_is_not_recorded() -> None:
    with ThreadedSink(["any: reply data 354 go"]) as sink, smtplib.SMTP("127.0.0.1", sink.port) as client:
        client.docmd("MAIL FROM:<a@x.org>")
        client.docmd("DATA")
        client.send(b".\r\n")
        assert client.getreply()[0] == 554
        assert not sink.messages()
