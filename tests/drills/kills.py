"""Processes die: faults 1 to 6, 13, and 26."""

from __future__ import annotations

import os
import shutil
import signal
import time

from mailroom.ledger import states
from mailroom.queue import BULK
from tests.drills.drill import POOLED_TOO, drill
from tests.drills.stage import SESSIONS, Stage
from tests.system import processes

BRISK = "any: delay dot 0.01"
"""A server that takes its time, so that there is something to interrupt."""


@drill(
    "1",
    "kill -9 of a worker at random moments",
    without="`Sweeper._reap()` in `Sweeper.round`: what the dead held stays in its batch for ever",
    ledgers=POOLED_TOO,
)
def a_worker_is_killed(stage: Stage) -> None:
    stage.build(BRISK)
    stage.accept(stage.size(400, 5_000))
    stage.start_workers()
    stage.arrived(0.02)
    for _ in range(stage.size(3, 30)):
        stage.rest()
        stage.kill()
    stage.wait_until_over(120)
    stage.all_sent()


@drill(
    "1h",
    "kill -9 of a worker at random moments, under `hold`",
    without="`if_unknown in IS_RESENT` in `picking.Picked.may_be_resent`: an unknown mail is sent again",
    ledgers=POOLED_TOO,
)
def a_worker_is_killed_and_nothing_is_sent_twice(stage: Stage) -> None:
    stage.build(BRISK)
    stage.accept(stage.size(400, 3_000), if_unknown="hold")
    stage.start_workers()
    stage.arrived(0.02)
    for _ in range(stage.size(3, 30)):
        stage.rest()
        stage.kill()
    stage.extra_at_most = 0
    stage.wait_until_over(120)
    stage.all_sent()


@drill(
    "2",
    "kill -9 of the pool's parent, workers left alive",
    without="`os.kill(os.getpid(), signal.SIGTERM)` in `Heartbeat._watch`: the orphans never end",
)
def the_parent_is_killed(stage: Stage) -> None:
    stage.build(BRISK)
    stage.accept(stage.size(400, 3_000))
    pool = stage.start_workers()
    stage.arrived(0.1)
    orphans = stage.system.workers(pool)
    stage.kill_parent(pool)
    stage.system.wait(lambda: not set(orphans) & dict(processes()).keys(), 10)
    stage.start_workers()
    stage.wait_until_over()
    stage.all_sent()


@drill(
    "3",
    "kill -9 of the whole process group",
    without="`batches.give_back()` in `reap.reap`: what the dead had not begun is due for nobody",
    ledgers=POOLED_TOO,
)
def the_group_is_killed(stage: Stage) -> None:
    stage.build(BRISK)
    stage.accept(stage.size(400, 3_000))
    for _ in range(stage.size(1, 5)):
        pool = stage.start_workers()
        stage.system.sink.wait(stage.system.sink.count() + 40, 60)
        stage.kill_group(pool)
    stage.start_workers()
    stage.wait_until_over()
    stage.all_sent()


@drill(
    "4",
    "SIGSTOP of a worker for longer than its lease, then SIGCONT",
    without="the state, the batch and the lease in `marks.mark_statement` and `self.lose()` in "
    "`BatchSender._renew`, all four (each one is enough here): the sleeper sends what another one sent",
)
def a_worker_sleeps(stage: Stage) -> None:
    stage.build("any: delay dot 0.03")
    stage.accept(stage.size(300, 2_000))
    stage.start_workers()
    stage.arrived(0.1)
    for _ in range(stage.size(1, 2)):
        sleeper = stage.system.workers()[0]
        os.kill(sleeper, signal.SIGSTOP)
        stage.extra_at_most += SESSIONS
        time.sleep((stage.lease or 30) * 1.5)
        os.kill(sleeper, signal.SIGCONT)
        time.sleep(0.5)
    stage.wait_until_over()
    stage.all_sent()


@drill(
    "5",
    "SIGTERM in mid-batch",
    without="`self.loop.call_soon_threadsafe(self._sender.stop)` in `WorkerProcess.request_stop`: the rest "
    "waits for its lease",
)
def a_worker_is_told_to_stop(stage: Stage) -> None:
    stage.lease = None  # half a minute: nobody waits for it here
    slow = "any: delay dot 0.25"  # a batch takes longer than a stop may
    stage.build(slow)
    stage.accept(stage.size(300, 2_000))
    for _ in range(stage.size(2, 5)):
        pool = stage.start_workers()
        stage.system.sink.wait(stage.system.sink.count() + 10, 30)
        began = time.monotonic()
        pool.terminate()
        assert pool.wait(15) == 0
        assert time.monotonic() - began < 10, "it took too long to stop"
    stage.system.sink.set_rules([])
    stage.start_workers()
    stage.wait_until_over(25)
    stage.all_sent()


@drill(
    "6",
    "kill -9 between the pop and the claim",
    without="`Sweeper._find_forgotten()`: the job was popped, so it is in no queue, and nobody has its batch",
)
def a_worker_dies_with_a_job_in_hand(stage: Stage) -> None:
    stage.accept(stage.size(300, 2_000))
    jobs = stage.system.queue.waiting(BULK)
    with stage.locked():
        stage.start_workers()
        stage.system.wait(lambda: stage.system.queue.waiting(BULK) <= jobs - 2)
        for pid in stage.system.workers():
            stage.kill(pid)
    stage.extra_at_most = 0
    stage.wait_until_over()
    stage.all_sent()


@drill(
    "13",
    "everything killed -9 and Redis wiped",
    without="`Sweeper._find_forgotten()`: the ledger believes that its batches wait in Redis",
)
def everything_is_killed(stage: Stage) -> None:
    stage.build(BRISK)
    stage.accept(stage.size(400, 20_000))
    pool = stage.start_workers()
    stage.arrived(0.2)
    stage.kill_group(pool)
    stage.valkey.kill()
    shutil.rmtree(stage.valkey.folder)
    stage.valkey.start()
    stage.start_workers()
    stage.wait_until_over(180)
    stage.all_sent()


@drill(
    "26",
    "kill -9 of a worker again and again, while its mail waits for its turn",
    without="`batches.note_in_hand()` in `InHandNote.note`: mail that was never begun is given up "
    "for the deaths of others",
)
def workers_are_killed_while_mail_waits(stage: Stage) -> None:
    stage.lease = 1.5
    stage.build(MAILROOM_RATE="30/minute" if stage.full else "120/minute")
    stage.accept(stage.size(20, 40))
    stage.start_workers()
    for _ in range(stage.size(10, 200)):
        stage.kill_a_holder()
    stage.wait_until_over(180)
    stage.all_sent()
    assert stage.check().by_state.keys() == {states.SENT}, "every one was innocent"
