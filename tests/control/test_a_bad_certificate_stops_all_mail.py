"""A mail server whose certificate is not to be trusted: workers send it nothing, and every page says why."""

from __future__ import annotations

from app import create_app
from mailroom.ledger.relays import circuit
from mailroom.settings import load
from tests.control.conftest import Start, on_both
from tests.system import System
from tests.web.watching import signed_in

PASSWORD = "swordfish-4711"


def in_trouble(system: System) -> bool:
    with system.database.read() as connection:
        return bool(circuit.troubled(connection))


def notice(system: System) -> str:
    """What the list of mailings shows."""
    app = create_app(load(system.environment))
    page = signed_in(app).get("/mailings").text
    parts = app.extensions["mailroom"]
    parts.database.dispose()
    parts.queue.close()
    return page


@on_both
def test_the_page_says_what_is_wrong_with_it(start: Start) -> None:
    system = start(
        sink=("--tls", "starttls", "--certificate", "self-signed", "--auth", f"ann:{PASSWORD}"),
        MAIL_USE_TLS="true",
        MAIL_USERNAME="ann",
        MAIL_PASSWORD=PASSWORD,
    )
    mailing = system.accept(30)
    system.start_workers(2)
    system.wait(lambda: in_trouble(system))
    page = notice(system)
    assert f"No mail can be sent to 127.0.0.1:{system.sink.port}: TLS with" in page
    assert "its certificate is not valid: self-signed certificate" in page
    assert "nothing is lost" in page and PASSWORD not in page + system.log
    assert system.counts(mailing.mailing_id) == {"queued": 30}
    assert system.sink.messages() == []
