"""A disk may fail: what a worker cannot read any more of a large message it makes anew, from the ledger."""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Callable
from functools import partial

import pytest

from mailroom.content.content import Attachment, Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.engine import deliver, worker_process
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Submission
from mailroom.engine.send import shelf
from mailroom.files import SharedFile, put_on_disk, shared_file
from mailroom.ledger.sweep import rounds
from mailroom.smtp.envelope import SharedLines
from tests.engine.conftest import a_worker
from tests.system import SENDER, System

FILE = Attachment("film.bin", "video/mp4", os.urandom(200_000))


@pytest.fixture
def system(start: Callable[..., System], monkeypatch: pytest.MonkeyPatch) -> System:
    """Whose worker is this process. Nobody sweeps."""
    system = start()
    for name, value in system.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(shelf, "SHELF_IN_MEMORY", 0)
    monkeypatch.setattr(deliver, "BULK_SLICE", 60.0)
    monkeypatch.setattr(rounds, "take", lambda *_: None)
    return system


def test_who_was_to_get_it_next_gets_it(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    files: list[SharedFile] = []

    def noted() -> SharedFile:
        files.append(shared_file())
        return files[-1]

    monkeypatch.setattr(shelf, "shared_file", noted)
    content = Content(SENDER, "Hello {{ name }}", text="Hello {{ name }}", attachments=(FILE,))
    recipients = [Recipient(f"person{number}@mail.example") for number in range(12)]
    mailing = accept(system.database, system.queue, Submission(content, recipients, max_sessions=1))
    with a_worker(system):
        worker = worker_process.current()
        worker.messages.of(system.database, {mailing.mailing_id})
        (file,) = files
        file.truncate(100_000)
        for batch_id in (1, 2):
            deliver.deliver_batch(batch_id, 0)
    assert system.counted(mailing.mailing_id) == {"deferred": 1, "sent": 11}
    assert len(files) == 2


def test_its_file_goes_with_the_last_part_of_it_and_nobody_is_warned() -> None:
    file = shared_file()
    handle = file.fileno()
    parts = [SharedLines(b"Hello\r\n" * 10, partial(put_on_disk, file)) for _ in range(2)]
    del file
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        parts.pop()
        gc.collect()
        assert b"".join(parts[0].stuffed()) == b"Hello\r\n" * 10
        parts.pop()
        gc.collect()
    assert [str(one.message) for one in warned] == []
    with pytest.raises(OSError):
        os.fstat(handle)
