"""Postfix's smtp-sink and smtp-source, out of Debian's package: unpacked, not installed."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from benchmarks.processes import ROOT
from mailroom.local.ports import LOOPBACK_HOST, free_port

FOLDER = ROOT / ".venv" / "benchmarks" / "postfix"
RUN_AS = ["-u", "nobody"] if os.geteuid() == 0 else []
ADVICE = (
    "make bench needs smtp-sink and smtp-source, which come with Postfix.\n"
    "On Debian and Ubuntu they are fetched by `apt-get download postfix` (run `apt-get update` first\n"
    "if that fails). Elsewhere install Postfix, without starting it: both must be on the PATH, or in sbin."
)
COUNT = re.compile(rb"mesg=(\d+)")


def program(name: str) -> str:
    """Where it is; fetches the package when nobody installed it. Ends with advice when that fails."""
    for folder in (FOLDER / "usr" / "sbin", Path("/usr/sbin"), Path("/usr/libexec/postfix")):
        if (folder / name).exists():
            return str(folder / name)
    return shutil.which(name) or _fetched(name)


def _fetched(name: str) -> str:
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        sys.exit(ADVICE)
    FOLDER.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["apt-get", "download", "postfix"], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    packages = sorted(FOLDER.glob("postfix_*.deb"))
    if not packages:
        sys.exit(f"{ADVICE}\napt-get said: {done.stderr.strip()}")
    subprocess.run(["dpkg", "-x", packages[-1], FOLDER], check=True)
    return str(FOLDER / "usr" / "sbin" / name)


def environment() -> dict[str, str]:
    """With the package's own libraries in reach."""
    return {**os.environ, "LD_LIBRARY_PATH": str(FOLDER / "usr" / "lib" / "postfix")}


class SmtpSink:
    """`with SmtpSink() as sink:` sink.port; sink.count mails so far, the last at sink.last_at."""

    def __init__(self) -> None:
        self.port = free_port()
        self.count = 0
        self.last_at = 0.0
        self._changed = threading.Condition()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> SmtpSink:
        command = [program("smtp-sink"), *RUN_AS, "-c", "-m", "1000", f"{LOOPBACK_HOST}:{self.port}", "1000"]
        self._process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE)
        threading.Thread(target=self._read, daemon=True).start()
        while not _listens(self.port):
            if self._process.poll() is not None:
                sys.exit("smtp-sink did not start; its words are above")
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def wait(self, count: int, seconds: float = 120) -> float:
        """When the `count`-th mail had arrived (time.perf_counter)."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.count >= count, seconds):
                raise TimeoutError(f"{self.count} of {count} mails arrived within {seconds:g} s")
            return self.last_at

    def _read(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        rest = b""
        while data := os.read(self._process.stdout.fileno(), 65536):
            now = time.perf_counter()
            lines = (rest + data).split(b"\r")
            rest = lines[-1][-200:]
            if found := COUNT.findall(b"\r".join(lines)):
                with self._changed:
                    if int(found[-1]) > self.count:
                        self.count, self.last_at = int(found[-1]), now
                        self._changed.notify_all()
            # A single count is read as it comes; thousands a second some at a time, or whoever
            # counts would take part in what is measured.
            time.sleep(min(0.01, 0.001 * len(found)))


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK_HOST, port)) == 0


def smtp_source(port: int, mails: int, sessions: int, size: int) -> float:
    """Mails a second by Postfix's load generator, on kept connections: the limit."""
    words = ["-d", "-s", str(sessions), "-m", str(mails), "-l", str(size)]
    people = ["-f", "post@mailroom.example", "-t", "person@mail.example"]
    began = time.perf_counter()
    subprocess.run(
        [program("smtp-source"), *words, *people, f"{LOOPBACK_HOST}:{port}"], env=environment(), check=True
    )
    return mails / (time.perf_counter() - began)
