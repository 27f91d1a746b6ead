"""A worker's first job is as fast as all that follow: its statements are composed by then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from mailroom.database import statement
from mailroom.database.statement import CompiledStatement
from mailroom.engine import deliver, worker_process
from mailroom.ledger.schema import batches
from mailroom.ledger.sweep import rounds
from tests.engine.conftest import a_worker
from tests.system import System


def test_whoever_forks_workers_composes_for_all_and_a_job_composes_none(
    start: Callable[..., System], monkeypatch: pytest.MonkeyPatch
) -> None:
    system = start()
    for name, value in system.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(rounds, "take", lambda *_: None)  # nobody sweeps meanwhile
    mailing = system.accept(150)
    with system.database.read() as connection:
        first = connection.execute(select(func.min(batches.c.id))).scalar_one()
    for made in list(statement._MADE):
        monkeypatch.setattr(made, "_compiled", {})  # as if this process had just begun
    worker_process.compose_statements()
    composed, compose = list[str](), CompiledStatement.__init__

    def noted(self: CompiledStatement, *given: Any) -> None:
        compose(self, *given)
        composed.append(self.sql)

    monkeypatch.setattr(CompiledStatement, "__init__", noted)
    with a_worker(system):
        deliver.deliver_batch(first, 0)
    assert system.counted(mailing.mailing_id)["sent"] >= 100
    assert composed == []
