"""A local run that cannot become ready ends, and says why; its ports are its own once they are chosen."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from mailroom.local import defaults, readiness
from mailroom.local import valkey as embedded
from mailroom.sink.certificates import make_certificate
from tests.local.conftest import Start
from tests.ports import own_port
from tests.servers import Valkey


@pytest.fixture
def tls_port(tmp_path: Path) -> Iterator[int]:
    """Where somebody speaks TLS, with a certificate that nobody trusts."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(make_certificate(tmp_path, "self-signed"))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client = listener.accept()[0]
                    with client, suppress(OSError), context.wrap_socket(client, server_side=True):
                        pass

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def test_a_redis_that_refuses_our_password_is_not_waited_for(start: Start, valkey: Valkey) -> None:
    run = start(REDIS_URL=valkey.url.replace(":test@", ":another-secret@"))
    assert run.process.wait(30) == 2
    said = run.printed.splitlines()[-1]
    assert said.startswith("mailroom: REDIS_URL names a Redis that cannot be used: ") and "password" in said
    assert "another-secret" not in run.printed and "Traceback" not in run.printed


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("rediss://localhost:{tls}/0", "certificate verify failed"),
        ("rediss://localhost:{tls}/0?ssl_ca_certs=/nowhere/ca.pem", "No such file"),
        ("redis://:test@127.0.0.1:{plain}/0?no_such_option=1", "no_such_option"),
        ("redis://:test@127.0.0.1:{plain}/99", "DB index is out of range"),
        ("redis://nobody:test@127.0.0.1:{plain}/0", "invalid username-password pair"),
        ("redis://127.0.0.1:{plain}/0", "already authenticated"),
    ],
)
def test_neither_is_one_that_will_never_let_us_in(
    valkey: Valkey, tls_port: int, url: str, reason: str
) -> None:
    plain = valkey.url.rpartition(":")[2].partition("/")[0]
    check = readiness.redis(url.format(tls=tls_port, plain=plain))
    with pytest.raises(readiness.NeverReady, match=f"^REDIS_URL names a Redis that .*{reason}"):
        asyncio.run(readiness.all_of({"REDIS_URL": check}, lambda reasons: None, 20))


def test_what_does_not_come_is_told_of_with_its_reason_and_has_an_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(readiness, "REMIND_AFTER", 0.1)
    told: list[dict[str, str]] = []
    away = readiness.redis(f"redis://127.0.0.1:{own_port()}/0")
    checks = {"REDIS_URL": away, "web": readiness.web(own_port())}
    with pytest.raises(readiness.NeverReady, match="^REDIS_URL is not ready after 0 s: .*Connection refused"):
        asyncio.run(readiness.all_of(checks, told.append, 0.4))
    assert "Connection refused" in told[0]["REDIS_URL"] and "no answer on port" in told[0]["web"]


def test_one_that_answers_is_ready(valkey: Valkey) -> None:
    assert embedded.trouble(valkey.url) is None
    assert "does it speak TLS?" in (embedded.trouble(valkey.url.replace("redis:", "rediss:")) or "")


def test_two_runs_at_one_moment_choose_different_ports(tmp_path: Path) -> None:
    given = {"REDIS_URL": "redis://127.0.0.1/0", "MAIL_SERVER": "127.0.0.1"}
    both = [defaults.choose(tmp_path, given) for _ in range(2)]
    ports = {int(chosen.values["MAILROOM_SUBMISSION_PORT"]) for chosen in both}
    assert len(ports) == 2
    for port in ports:
        socket.create_connection(("127.0.0.1", port)).close()
    for chosen in both:
        chosen.close()
