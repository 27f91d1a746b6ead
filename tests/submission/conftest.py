"""A submission process on real parts, and keys that open it.

submission   .port, .log(); started anew for a test
key          a key that may send
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from mailroom.database.engine import Database
from mailroom.ledger.people import api_keys
from tests.ports import own_port
from tests.servers import wait_until
from tests.warm_processes import start_python


class Submission:
    """`python -m mailroom.submission` with these settings; `within`: the command that it is run by."""

    def __init__(self, folder: Path, environment: dict[str, str], within: Sequence[str] = ()) -> None:
        self.port = own_port()
        self._log = folder / "submission.log"
        self._log.write_bytes(b"")  # what was said before us
        self.process = start_python(
            ["-m", "mailroom.submission"],
            os.environ | environment | {"MAILROOM_SUBMISSION_PORT": str(self.port)},
            self._log,
            within,
        )

    def log(self) -> str:
        return self._log.read_text()

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.log()
        return "is listening" in self.log()

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)


@pytest.fixture
def start(tmp_path: Path, settings_env: dict[str, str]) -> Iterator[Callable[..., Submission]]:
    started: list[Submission] = []

    def start(**environment: str) -> Submission:
        submission = Submission(tmp_path, settings_env | environment)
        started.append(submission)
        wait_until(submission.is_ready, 20, "submission")
        return submission

    yield start
    for submission in started:
        submission.stop()


@pytest.fixture
def submission(start: Callable[..., Submission]) -> Submission:
    return start()


@pytest.fixture
def ledger(sqlite_url: str) -> Iterator[Database]:
    database = Database(sqlite_url)
    yield database
    database.dispose()


@pytest.fixture
def make_key(ledger: Database) -> Callable[..., str]:
    def make(**options: object) -> str:
        with ledger.begin() as connection:
            return api_keys.add(connection, "test", **{"scopes": ["send"], **options})[0]  # type: ignore[arg-type]

    return make


@pytest.fixture
def key(make_key: Callable[..., str]) -> str:
    return make_key()
