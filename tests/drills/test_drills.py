"""Every fault in its short form. In full, and each on both databases: `make drill`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import CI
from tests.drills.all import every_drill
from tests.drills.drill import Drill
from tests.drills.stage import Stage

REACH_THE_LEDGER = {
    "1",
    "1h",
    "3",
    "4",
    "6",
    "8",
    "11",
    "12",
    "13",
    "18",
    "19",
    "20",
    "21",
    "22b",
    "23",
    "26",
    "28",
}
"""Here two databases are two different things. The other faults are over before it comes to that."""

THROUGH_A_POOLER = {"1", "11b", "14b"}
"""In full there are more: see `ledgers` of each."""


def run(drill: Drill, folder: Path, database_url: str) -> None:
    if lacks := drill.missing():
        pytest.fail(lacks) if CI else pytest.skip(lacks)
    with Stage(folder, database_url, full=False) as stage:
        drill.run(stage)
        stage.check()


def named(drill: Drill) -> str:
    return f"{drill.name}-{drill.run.__name__}"


@pytest.mark.timeout(180)
@pytest.mark.parametrize("drill", [drill for drill in every_drill() if "sqlite" in drill.ledgers], ids=named)
def test_nothing_is_lost_and_nothing_comes_twice(drill: Drill, tmp_path: Path, sqlite_url: str) -> None:
    run(drill, tmp_path, sqlite_url)


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "drill",
    [drill for drill in every_drill() if drill.name in REACH_THE_LEDGER or "sqlite" not in drill.ledgers],
    ids=named,
)
def test_the_same_on_postgresql(drill: Drill, tmp_path: Path, postgres_url: str) -> None:
    run(drill, tmp_path, postgres_url)


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "drill", [drill for drill in every_drill() if drill.name in THROUGH_A_POOLER], ids=named
)
def test_the_same_through_a_pooler(drill: Drill, tmp_path: Path, pooled_url: str) -> None:
    run(drill, tmp_path, pooled_url)
