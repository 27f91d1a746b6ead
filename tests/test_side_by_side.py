"""Each test is run once, whichever worker takes it, and what computes is not in the way of what waits."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from tests import side_by_side
from tests.side_by_side import SideBySide, portions, taken_together

COMPUTE = [f"tests/content/test_{name}.py::test_{number}" for name in "abc" for number in range(5)]
WAIT = [f"tests/control/test_{name}.py::test_{number}" for name in "abc" for number in range(5)]
COLLECTED = [*COMPUTE, *WAIT]


@dataclass(eq=False)
class Node:
    """An xdist worker that does nothing by itself."""

    name: str
    to_run: list[int] = field(default_factory=list)
    shutting_down: bool = False

    @property
    def gateway(self) -> SimpleNamespace:
        return SimpleNamespace(id=self.name)

    def send_runtest_some(self, places: list[int]) -> None:
        self.to_run.extend(places)

    def shutdown(self) -> None:
        self.shutting_down = True


def started(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch, number: int) -> Any:
    monkeypatch.setattr(pytestconfig.option, "tx", ["popen"] * number)
    scheduler = SideBySide(pytestconfig)
    for name in range(number):
        node: Any = Node(f"gw{name}")
        scheduler.add_node(node)
        scheduler.add_node_collection(node, COLLECTED)
    scheduler.schedule()
    return scheduler


def ran_by_all(scheduler: Any) -> dict[str, list[str]]:
    """Each worker runs one test after the other."""
    ran: dict[str, list[str]] = {node.name: [] for node in scheduler.nodes}
    while scheduler.has_pending:
        for node in scheduler.nodes:
            if node.to_run and (len(node.to_run) > 1 or node.shutting_down):  # a worker knows the next one
                place = node.to_run.pop(0)
                ran[node.name].append(COLLECTED[place])
                scheduler.mark_test_complete(node, place)
    return ran


@pytest.mark.parametrize("number", [1, 2, 3, 6, 40])
def test_each_test_is_run_once(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    scheduler = started(pytestconfig, monkeypatch, number)
    ran = ran_by_all(scheduler)
    assert sorted(test for tests in ran.values() for test in tests) == sorted(COLLECTED)
    assert scheduler.tests_finished and all(node.shutting_down for node in scheduler.nodes)


def test_who_computes_begins_with_what_computes(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = ran_by_all(started(pytestconfig, monkeypatch, 4))
    assert ran["gw0"][:10] == COMPUTE[:10]
    assert set(ran["gw1"][:4] + ran["gw2"][:4] + ran["gw3"][:4]) <= set(WAIT)


@pytest.mark.parametrize(("workers", "compute"), [(1, 0), (3, 0), (4, 1), (5, 1), (6, 2), (12, 8)])
def test_some_wait_and_what_is_left_of_the_machine_computes(workers: int, compute: int) -> None:
    assert [side_by_side.computes(f"gw{number}", workers) for number in range(workers)].count(True) == compute


def test_what_a_worker_that_crashed_had_before_it_is_run_by_others(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler = started(pytestconfig, monkeypatch, 3)
    crashed = scheduler.nodes[1]
    assert scheduler.remove_node(crashed) == COLLECTED[crashed.to_run[0]]
    ran = ran_by_all(scheduler)
    assert sorted([COLLECTED[crashed.to_run[0]], *ran["gw0"], *ran["gw2"]]) == sorted(COLLECTED)


def test_the_tests_of_a_file_come_as_they_were_collected_and_what_takes_longest_first() -> None:
    collected = [
        "tests/queue/test_a.py::test_1",
        "tests/drills/test_drills.py::test_1",
        "tests/test_a.py::test",
    ]
    computing, waiting = portions([*collected, "tests/test_a.py::test_2"])
    assert list(computing) == [[2, 3]]
    assert list(waiting) == [[1], [0]]
    of_a_file = [f"{side_by_side.SCHEMATHESIS}::test_it[{part}]" for part in "ab"]
    assert list(portions([*collected, *of_a_file])[1]) == [[3], [4], [1], [0]]


def test_what_several_files_share_is_started_once() -> None:
    name = taken_together("tests/browser/local_run/test_compose.py::test_it")
    assert name == taken_together("tests/browser/local_run/test_inbox.py::test_it")
    assert name != taken_together("tests/browser/test_race.py::test_it")


def test_it_names_what_there_is(pytestconfig: pytest.Config) -> None:
    tests = pytestconfig.rootpath / "tests"
    for folder in {*side_by_side.WAIT, *side_by_side.AT_ONCE_IN} - {side_by_side.SCHEMATHESIS}:
        assert (tests / folder).is_dir()
    for path in (*side_by_side.AT_ONCE, *side_by_side.TOGETHER):
        assert (pytestconfig.rootpath / path).exists()
