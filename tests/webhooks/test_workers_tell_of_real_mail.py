from __future__ import annotations

from pathlib import Path

from mailroom.ledger.webhooks import webhook_endpoints
from mailroom.ledger.webhooks.webhook_events import EVENTS
from tests.servers import Valkey
from tests.system import System
from tests.webhooks.receiver import Receiver


def test_sent_mail_is_told_by_the_workers_themselves(
    tmp_path: Path, sqlite_url: str, valkey: Valkey, receiver: Receiver
) -> None:
    hosts = {"MAILROOM_WEBHOOK_HOSTS": "127.0.0.1"}
    with System(tmp_path, sqlite_url, valkey.url, **hosts) as system:
        with system.database.begin() as connection:
            webhook_endpoints.add(connection, receiver.url, EVENTS)
        accepted = system.accept(50)
        system.start_workers(2)
        got = receiver.wait_for(51, 30)
    assert sorted(receiver.types) == ["email.sent"] * 50 + ["mailing.done"]
    assert len({each.headers["webhook-id"] for each in got}) == 51
    (done,) = [each.event["data"] for each in got if each.event["type"] == "mailing.done"]
    assert (done["mailing_id"], done["total"], done["counts"]) == (accepted.uid, 50, {"sent": 50})
