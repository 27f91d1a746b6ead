"""A worker of which a thread or a task died is none: it ends, another one takes over, and mail goes on."""

from __future__ import annotations

from pathlib import Path

from tests.servers import Valkey
from tests.system import System

DIES = '''
import os, sys
from pathlib import Path

turns = Path({folder!r})
PARTS = ("tidying sessions", "the event loop", "the sweeper", "the heartbeat", "probing")


def part():
    """Each worker process has another one that dies; in those that come later nothing does."""
    for name in PARTS:
        try:
            os.close(os.open(turns / name.replace(" ", "-"), os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        return name


if "worker" in sys.argv[0] or "worker" in " ".join(sys.orig_argv):
    from mailroom.engine import probing, sweeper, worker_process
    from mailroom.queue import heartbeat

    process = worker_process.WorkerProcess
    begin = process.begin

    async def dies(*_):
        raise RuntimeError("this part is broken")

    def exits(*_):
        raise SystemExit("and this one leaves")

    def begins(self):
        name = part()
        if name == "tidying sessions":
            self._tidy = dies
        elif name == "probing":
            self.probing.run = dies
        elif name == "the sweeper":
            self.sweeper._run = exits
        begin(self)
        if name == "the event loop":
            self.loop.call_soon_threadsafe(exits)
        if name == "the heartbeat":
            heartbeat.Heartbeat._watch = exits

    process.begin = begins
'''


def break_workers(folder: Path, code: str) -> dict[str, str]:
    """An environment in which every process of Python runs this first."""
    place = folder / "broken"
    place.mkdir()
    (place / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": f"{place}:{Path(__file__).parents[2]}"}


def test_another_worker_takes_over(tmp_path: Path, sqlite_url: str, valkey: Valkey) -> None:
    turns = tmp_path / "turns"
    turns.mkdir()
    broken = break_workers(tmp_path, DIES.format(folder=str(turns)))
    with System(tmp_path, sqlite_url, valkey.url, **broken) as system:
        system.start_workers(2, lease=3)
        parts = ("tidying sessions", "the event loop", "the sweeper", "the heartbeat", "probing")
        system.wait(lambda: all(f"{part} died; this process ends" in system.log for part in parts), 60)
        mailing = system.accept(20)
        system.wait_until_over(mailing.mailing_id, 60)
        assert system.counts(mailing.mailing_id) == {"sent": 20}
        assert len(system.sink.messages()) == 20
        system.wait(lambda: system.log.count("a worker died") >= len(parts), 30)
        assert "this part is broken" in system.log and "and this one leaves" in system.log


LANE_BREAKS = """
import os, sys

if "worker" in " ".join(sys.orig_argv):
    from mailroom.engine.send import lane

    mark = lane.Lane.mark

    def breaks_once(self, envelope):
        if envelope.recipient == "person7@mail.example":
            try:
                os.close(os.open({flag!r}, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                pass
            else:
                raise RuntimeError("this lane is broken")
        return mark(self, envelope)

    lane.Lane.mark = breaks_once
"""


def test_a_session_that_breaks_takes_no_other_mail_with_it(
    tmp_path: Path, sqlite_url: str, valkey: Valkey
) -> None:
    """Those in flight beside it end as they end: cut off after their dots they would go out twice."""
    broken = break_workers(tmp_path, LANE_BREAKS.format(flag=str(tmp_path / "flag")))
    with System(tmp_path, sqlite_url, valkey.url, ["any: delay dot 0.3"], **broken) as system:
        system.start_workers(1, lease=3)
        mailing = system.accept(20)
        system.wait_until_over(mailing.mailing_id, 60)
        assert system.counts(mailing.mailing_id) == {"sent": 20}
        assert "this lane is broken" in system.log
        recipients = [message.recipient for message in system.sink.messages()]
        assert sorted(recipients) == sorted(set(recipients)), "nobody has it twice"
