"""Commands beside a ledger that is away or damaged: one line says why; the doctor says what is unknown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from app import create_app
from mailroom.settings import load
from tests.servers import Catcher

AWAY = "postgresql://mailroom:not-for-anybody@127.0.0.1:1/mailroom"
"""Nobody listens there."""

Invoke = Callable[..., Result]

REFUSED = "Connection refused"
DAMAGED = "the ledger's file is damaged"
COMMANDS = [
    ["users", "list"],
    ["hold"],
    ["db", "upgrade"],
    ["backup", "FILE"],
    ["send", "--from", "a@example.org", "--to", "b@example.org", "--subject", "Hi", "--text", "Hi"],
]


@pytest.fixture
def damaged(tmp_path: Path) -> str:
    file = tmp_path / "mailroom.db"
    file.write_bytes(b"not a database" * 1_000)
    return f"sqlite:///{file}"


@pytest.fixture
def invoke(settings_env: dict[str, str]) -> Invoke:
    """`invoke(url, *words)`: a command, on that ledger."""

    def invoked(url: str, *words: str) -> Result:
        app = create_app(load({**settings_env, "DATABASE_URL": url}))
        return app.test_cli_runner().invoke(args=list(words))

    return invoked


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: "-".join(words[:2]))
def test_says_so_in_one_line(invoke: Invoke, damaged: str, tmp_path: Path, words: list[str]) -> None:
    words = [str(tmp_path / "backup") if word == "FILE" else word for word in words]
    for url, said in ((AWAY, REFUSED), (damaged, "file is not a database" if "backup" in words else DAMAGED)):
        done = invoke(url, *words)
        assert done.exit_code in (1, 2) and isinstance(done.exception, SystemExit), done.exception
        assert said in done.stderr and done.stderr.count("\n") == 1, done.stderr
        assert "not-for-anybody" not in done.output


def test_the_doctor_names_the_cause_once_and_blames_nobody_else(invoke: Invoke, damaged: str) -> None:
    for url, said in ((AWAY, REFUSED), (damaged, DAMAGED)):
        done = invoke(url, "doctor")
        told = {line[6:17].strip(): line[18:] for line in done.stdout.splitlines()[1:]}
        assert done.exit_code == 1 and said in told["ledger"], done.stdout
        for name in ("sweeper", "sessions", "clock"):
            assert told[name] == "unknown: the ledger cannot be used"
        assert "Error" not in done.stdout and "not-for-anybody" not in done.stdout


def test_a_mail_server_that_lets_us_in_is_well(
    invoke: Invoke, settings_env: dict[str, str], catcher: Catcher
) -> None:
    settings_env |= {"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": str(catcher.port)}
    done = invoke(AWAY, "doctor")
    assert f"ok    mail server 127.0.0.1:{catcher.port} lets us in" in done.stdout
