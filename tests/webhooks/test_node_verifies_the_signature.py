"""A real webhook, verified with the npm packages that receivers in Node use: Resend's, Standard Webhooks'."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from mailroom.database.engine import Database
from mailroom.ledger.webhooks import webhook_endpoints
from tests import node
from tests.webhooks.conftest import Caller
from tests.webhooks.receiver import Receiver

SCRIPT = Path(__file__).with_name("verify.mjs")
REFUSED = {"error": "WebhookVerificationError"}


def test_node_verifies_the_signature(
    tmp_path: Path,
    database: Database,
    add: Callable[..., int],
    failed: Callable[..., object],
    webhooks: Caller,
    receiver: Receiver,
) -> None:
    package = node.install(tmp_path, node.RESEND, node.STANDARD_WEBHOOKS)
    endpoint_id = add(receiver.url)
    failed(subject="Grüße, {{ name }} 📬")
    webhooks.round()
    (got,) = receiver.wait_for(1)
    with database.read() as connection:
        endpoint = webhook_endpoints.get(connection, endpoint_id)
    assert endpoint is not None

    given = {"secret": endpoint.secret, "body": got.body.decode(), "headers": got.headers}
    seen = node.run(SCRIPT, package, json.dumps(given))

    assert seen["standard"] == seen["resend"] == {"event": got.event}
    assert seen["standard_forged"] == seen["resend_forged"] == seen["resend_other"] == REFUSED
