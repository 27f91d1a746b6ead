from __future__ import annotations

from pathlib import Path

import pytest

from mailroom.settings import load
from mailroom.smtp.server import server_from

ENVIRONMENT = {
    "SECRET_KEY": "a secret for tests only",
    "DATABASE_URL": "sqlite:///ledger.db",
    "REDIS_URL": "redis://localhost:6379/0",
    "MAIL_SERVER": "mail.example.org",
    "MAIL_PORT": "587",
    "MAIL_USERNAME": "ann",
    "MAIL_PASSWORD": "secret",
    "MAILROOM_TIMEOUT": "7",
}


@pytest.mark.parametrize(
    ("switch", "tls"),
    [({}, "none"), ({"MAIL_USE_TLS": "1"}, "starttls"), ({"MAIL_USE_SSL": "1"}, "implicit")],
)
def test_it_is_taken_over_whole(tmp_path: Path, switch: dict[str, str], tls: str) -> None:
    server = server_from(load({**ENVIRONMENT, **switch, "MAILROOM_HOME": str(tmp_path)}))
    assert server.name == "mail.example.org:587"
    assert (server.tls, server.username, server.password, server.timeout) == (tls, "ann", "secret", 7)
