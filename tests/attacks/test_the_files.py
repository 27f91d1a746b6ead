"""What another user of this machine tries: to read what Mailroom writes. With a careless umask, and after an
older Mailroom, everything stays closed to group and others."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path
from smtplib import SMTP

import pytest

from app import create_app
from mailroom import files
from mailroom.database.engine import Database
from mailroom.ledger.migrate import upgrade
from mailroom.ledger.people import users
from mailroom.settings import load
from mailroom.sink.process import SinkProcess
from mailroom.web.compose.uploads import Uploads
from mailroom.web.race.record import Races
from tests.servers import wait_until
from tests.web_server import WebServer

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def careless() -> Iterator[None]:
    """What is made may be read and written by everybody, unless its maker says otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> list[str]:
    """What somebody else can get at below `folder`: nothing below a folder that is closed."""
    found = []
    for path in folder.iterdir():
        mode = path.lstat().st_mode
        if path.is_symlink() or not stat.S_IMODE(mode) & 0o077:
            continue
        inside = open_to_others(path) if path.is_dir() else []
        found += [f"{path.name} {stat.S_IMODE(mode):o}", *inside]
    return found


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder that everybody may look into."""
    path = tmp_path / "srv"
    path.mkdir()
    path.chmod(0o755)
    return path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def used(url: str) -> Database:
    database = Database(url)
    with database.begin() as connection:
        users.add(connection, f"{os.urandom(4).hex()}@example.org", None)
    return database


def test_the_ledger_and_the_files_beside_it(place: Path) -> None:
    url = f"sqlite:///{place}/ledger.db"
    upgrade(url)
    database = used(url)
    assert {path.name for path in place.iterdir()} == {"ledger.db", "ledger.db-wal", "ledger.db-shm"}
    assert open_to_others(place) == []
    database.dispose()


@pytest.mark.parametrize("wide", [0o644, 0o664, 0o666, 0o640])
def test_an_older_ledger_is_closed_when_it_is_opened(
    place: Path, caplog: pytest.LogCaptureFixture, wide: int
) -> None:
    url = f"sqlite:///{place}/ledger.db"
    upgrade(url)
    earlier = used(url)
    for path in place.iterdir():
        path.chmod(wide)
    database = used(url)
    assert open_to_others(place) == []
    assert f"{place}/ledger.db was open to other users ({wide:o}): it is closed now" in caplog.text
    earlier.dispose()
    database.dispose()


def test_a_ledger_that_is_somebody_else_s_is_told_of(
    place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(path: Path, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    url = f"sqlite:///{place}/ledger.db"
    upgrade(url)
    (place / "ledger.db").chmod(0o644)
    monkeypatch.setattr(Path, "chmod", refuse)
    used(url).dispose()
    assert "stays so: Operation not permitted" in caplog.text


def test_a_ledger_that_cannot_be_made_is_still_the_database_s_own_error(place: Path) -> None:
    with pytest.raises(Exception, match="unable to open database file"):
        used(f"sqlite:///{place}/nowhere/ledger.db")


def test_files_of_a_form(place: Path) -> None:
    home = place / "instance"
    kept = Uploads(home, 1).keep("list.csv", "text/csv", BytesIO(b"ann@example.org"))
    assert mode(kept.path) == 0o600 and open_to_others(place) == []


def test_races(place: Path) -> None:
    races = Races(place / "instance" / "races")
    with races.running("20260101-000000-abcd"):
        assert open_to_others(place) == []


def test_older_folders_are_closed_at_the_start(place: Path, settings_env: dict[str, str]) -> None:
    for name in ("uploads", "races"):
        (place / name / "1").mkdir(parents=True)
        (place / name / "1" / "letter").write_text("Dear Ann")
    app = create_app(load(settings_env | {"MAILROOM_HOME": str(place)}))
    assert open_to_others(place) == []
    app.extensions["mailroom"].database.dispose()


def test_what_the_web_process_makes(place: Path, settings_env: dict[str, str]) -> None:
    """Its ledger, what waits to be read, and the socket that a proxy asks at."""
    path = place / "web.sock"
    url = f"sqlite:///{place}/ledger.db"
    shutil.copyfile(settings_env["DATABASE_URL"].removeprefix("sqlite:///"), place / "ledger.db")
    environment = settings_env | {"DATABASE_URL": url, "MAILROOM_HOME": str(place / "instance")}
    with WebServer(place.parent, environment, f"--workers 1 --bind unix:{path}"):
        assert mode(path) == 0o770
        assert open_to_others(place) == ["web.sock 770"]
        with closing(socket.socket(socket.AF_UNIX)) as client:
            client.connect(str(path))
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 200")


def test_mail_in_the_catcher_s_and_the_sink_s_keeping(place: Path) -> None:
    message = EmailMessage()
    message["From"], message["To"] = "ann@example.org", "ben@example.org"
    message.set_content("Dear Ben")
    with SinkProcess(place / "sink") as sink, SMTP("127.0.0.1", sink.port) as smtp:
        smtp.send_message(message)
        assert mode(sink.record) == 0o600

    with socket.create_server(("127.0.0.1", 0)) as listener:
        words = ["--fd", str(listener.fileno()), "--maildir", str(place / "home" / "inbox")]
        catcher = subprocess.Popen(
            [sys.executable, "-m", "mailroom.local.catcher", *words], cwd=ROOT, pass_fds=[listener.fileno()]
        )
        try:
            with SMTP("127.0.0.1", listener.getsockname()[1]) as smtp:
                smtp.send_message(message)
            wait_until(lambda: any((place / "home" / "inbox" / "new").iterdir()), what="the mail")
            assert {mode(path) for path in (place / "home" / "inbox" / "new").iterdir()} == {0o600}
        finally:
            catcher.terminate()
            catcher.wait(10)
    assert open_to_others(place / "home") == []


def test_every_program_that_writes_begins_with_it() -> None:
    programs = ("start.py", "worker.py", "deploy/gunicorn.conf.py", "mailroom/submission/__main__.py")
    others = ("mailroom/local/catcher.py", "mailroom/sink/__main__.py")
    for name in (*programs, *others):
        assert "files.keep_private()" in (ROOT / name).read_text(), name


def test_what_is_made_after_it_is_closed(place: Path) -> None:
    files.keep_private()
    (place / "export.csv").write_text("ann@example.org")
    files.make_folder(place / "one" / "two")
    assert open_to_others(place) == []
