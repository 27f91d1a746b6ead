"""A peer's processes, in an environment that holds the peers and nothing of ours."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.client import Client
from benchmarks.processes import ROOT, Group
from mailroom.local.ports import LOOPBACK_HOST, free_port
from tests.servers import Valkey, wait_until

FOLDER = ROOT / ".venv" / "benchmarks" / "peers"
REQUIREMENTS = ROOT / "benchmarks" / "requirements-peers.txt"


def python() -> str:
    """The peers' interpreter; installs them when they are not there as pinned."""
    stamp = FOLDER / "installed.txt"
    if not stamp.exists() or stamp.read_text() != REQUIREMENTS.read_text():
        print("Installing the peers (a minute, once)...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", FOLDER], check=True)
        pip = [str(FOLDER / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        done = subprocess.run([*pip, "-r", REQUIREMENTS], capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"The peers could not be installed; pip said: {done.stderr.strip()[-1000:]}")
        stamp.write_text(REQUIREMENTS.read_text())
    return str(FOLDER / "bin" / "python")


@dataclass(frozen=True)
class Peer:
    """How one peer's workers are started; `module` in benchmarks/peers has its task."""

    name: str
    module: str
    command: Sequence[str]
    flask_mail: bool = False  # instead of MIMEText and smtplib
    view: str = "view"


def celery(*pool: str) -> Peer:
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "ERROR")
    command = ("celery", "-A", "benchmarks.peers.celery_mails", "worker", *pool, *quiet)
    return Peer(f"Celery {' '.join(pool)}", "celery_mails", command)


CELERY = celery("--pool=prefork", "-c", "2")
CELERY_FLASK_MAIL = replace(CELERY, name=f"{CELERY.name}, sending by Flask-Mail", flask_mail=True)
CELERY_THREADS = celery("--pool=threads", "-c", "100")
DRAMATIQ = Peer(
    "Dramatiq, 2 processes x 8 threads",
    "dramatiq_mails",
    ("dramatiq", "benchmarks.peers.dramatiq_mails", "-p", "2", "-t", "8"),
)
HUEY = Peer(
    "Huey, 2 processes",
    "huey_mails",
    ("huey.bin.huey_consumer", "benchmarks.peers.huey_mails.huey", "-w", "2", "-k", "process", "-q"),
)

INLINE = Peer("sent in the request", "", (), flask_mail=True, view="inline")


class Running:
    """`with Running(CELERY, sink.port) as peer:` with a Valkey of its own."""

    def __init__(self, peer: Peer, mail_port: int) -> None:
        self.peer = peer
        self._stack = ExitStack()
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="mailroom-peer-")))
        self._log = self._stack.enter_context((folder / "log").open("ab"))
        self.valkey = Valkey(folder / "valkey", append_only=True)
        self.port = free_port()
        self._mail_port = mail_port

    def __enter__(self) -> Running:
        self.valkey.start()
        self._stack.callback(self.valkey.kill)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "REDIS_URL": self.valkey.url,
            "MAIL_PORT": str(self._mail_port),
            "PEER": self.peer.module,
            "PEER_FLASK_MAIL": "1" if self.peer.flask_mail else "",
            "PYTHONPATH": str(ROOT),
        }

    def fill(self, mails: int) -> float:
        """Puts so many mails onto its queue, from one process; the seconds that took."""
        done = subprocess.run(
            [python(), "-m", "benchmarks.peers.fill", self.peer.module, str(mails)],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return float(done.stdout.split()[-1])

    def start_workers(self) -> Group:
        return self._start("-m", *self.peer.command)

    def start_web(self) -> None:
        """gunicorn as Mailroom's own: 2 processes, 8 threads each."""
        words = ("-w", "2", "--threads", "8", "--keep-alive", "75", "-b", f"{LOOPBACK_HOST}:{self.port}")
        self._start("-m", "gunicorn", *words, f"benchmarks.peers.{self.peer.view}:app")
        wait_until(lambda: Client(self.port).answers("/healthz"), 30, "the peer's web processes")

    def _start(self, *words: str) -> Group:
        group = Group([python(), *words], self.environment, self._log)
        self._stack.callback(group.end)
        return group
