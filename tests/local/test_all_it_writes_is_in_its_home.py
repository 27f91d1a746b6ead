"""Whatever a process writes is in MAILROOM_HOME: nothing else has to be writable, no /tmp and no /dev/shm."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from smtplib import SMTP

import psutil
import pytest

from mailroom.database.engine import Database
from mailroom.ledger.people import api_keys
from tests.local.conftest import LocalRun, Start
from tests.servers import wait_until

READ_ONLY = """
home=$1; shift
mount --bind "$home" "$home" || exit 1
while read -r _ place _; do
    [ "$place" = "$home" ] || mount -o remount,bind,ro "$place"
done < /proc/self/mounts
exec "$@"
"""
HOW = "needs mount namespaces: run it as root on Linux, in a container with --privileged"


def read_only_but(home: Path) -> list[str]:
    """A command that runs another one where all but `home` is read-only. Skips the test where none may."""
    words = ["unshare", "--mount", "--propagation", "private", "sh", "-c", READ_ONLY, "sh", str(home)]
    tried = ["sh", "-c", f"touch {home}/x && rm {home}/x && ! touch /tmp/x && ! touch /dev/shm/x"]
    if not shutil.which("unshare") or subprocess.run([*words, *tried], capture_output=True).returncode:
        pytest.skip(HOW)
    return words


def signed_in(run: LocalRun) -> tuple[str, str]:
    """A browser's cookie, and the token of its forms."""
    headers = run.get(run.link.removeprefix(f"http://127.0.0.1:{run.port}"))[1]
    cookie = headers["Set-Cookie"].partition(";")[0]
    _, headers, page = run.get("/", cookie)
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    return headers.get("Set-Cookie", cookie).partition(";")[0], found[1]


def submit_large_list(run: LocalRun) -> tuple[int, str]:
    cookie, token = signed_in(run)
    fields = {
        "sender": "ann@example.org",
        "subject": "Hello",
        "text": "Hello",
        "csrf_token": token,
        "send_at": f"{datetime.now(UTC) + timedelta(days=9):%Y-%m-%dT%H:%M}",
    }
    lines = [f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{fields[name]}' for name in fields]
    disposition = 'form-data; name="recipients_file"; filename="list.csv"'
    table = "address\n" + "".join(f"somebody.of.a.rather.long.name.{n}@mail.example\n" for n in range(22_000))
    lines.append(f"--b\r\nContent-Disposition: {disposition}\r\nContent-Type: text/csv\r\n\r\n{table}")
    headers = {"Cookie": cookie, "Content-Type": "multipart/form-data; boundary=b"}
    return run.post("/mailings", "\r\n".join([*lines, "--b--\r\n"]).encode(), headers)


def submit_large_message(run: LocalRun) -> None:
    database = Database(run.values["DATABASE_URL"])
    with database.begin() as connection:
        key = api_keys.add(connection, "test", scopes=["send"])[0]
    database.dispose()
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "Large", "ann@example.org", "ben@example.org"
    message.set_content("\n".join(["a long line " * 5] * 10_000))
    with SMTP("127.0.0.1", int(run.values["MAILROOM_SUBMISSION_PORT"])) as smtp:
        smtp.login("mailroom", str(key))
        smtp.send_message(message)


def test_all_else_may_be_read_only(tmp_path: Path, start: Start) -> None:
    home = tmp_path / "home"
    home.mkdir()
    run = start(home, within=read_only_but(home))
    assert run.link
    status, page = submit_large_list(run)
    assert status == 303, page
    submit_large_message(run)
    # The link is there as soon as a worker is; its sweeper's first round may still be to come.
    wait_until(lambda: run.get("/readyz")[0] == 200, 20, "the sweeper")
    assert run.interrupt() == 0
    assert "Traceback" not in run.printed and "Read-only" not in run.printed, run.printed
    assert [path for path in home.rglob("*") if path.stat().st_mode & 0o077] == []


def written_by(process: psutil.Process) -> set[str]:
    """The regular files that it has open for writing, also those without a name."""
    found = set()
    for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
        flags = int(Path(f"/proc/{process.pid}/fdinfo/{descriptor.name}").read_text().split()[3], 8)
        if flags & os.O_ACCMODE and stat.S_ISREG(descriptor.stat().st_mode):
            found.add(os.readlink(descriptor))
    return found


@pytest.mark.skipif(not Path("/proc/self/fdinfo").exists(), reason="reads /proc, which Linux has")
def test_no_process_has_a_file_open_elsewhere(running: LocalRun) -> None:
    assert running.link
    files = set.union(*(written_by(process) for process in running.processes()))
    assert len([path for path in files if path.endswith("(deleted)")]) >= 2  # the heartbeats of two processes
    assert [path for path in files if not path.startswith(f"{running.home}/")] == []
