"""MAILROOM_HOME and the ledger may have any name, in any locale, or one line says why not."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mailroom.database.engine import Database, url_of_file
from mailroom.ledger import migrate
from mailroom.local import defaults, home
from mailroom.settings import SettingsError, home_of, load
from tests.settings.test_urls import WHOLE
from tests.warm_processes import run_python

ROOT = Path(__file__).resolve().parents[2]
NAMES = [
    "what?",
    "?mode=ro",
    "a#b",
    "50%25",
    "100%",
    "%(here)s",
    "two words",
    "ünï",
    "a@b:c",
    "plus+and&more=x;y",
    'it\'s "so"',
    "back\\slash",
    "[::1]",
    "~",
]
FOREIGN = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
PROGRAMS = {
    "worker": ["worker.py"],
    "submission": ["-m", "mailroom.submission"],
    "gunicorn": ["-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "--check-config", "app:create_app()"],
    "flask": ["-m", "flask", "--app", "app", "doctor"],
}


@pytest.mark.parametrize("name", NAMES)
def test_a_local_run_s_ledger_is_in_its_home(tmp_path: Path, name: str) -> None:
    place = home_of({"MAILROOM_HOME": str(tmp_path / name / "in")})
    home.make(place)
    chosen = defaults.choose(place, {"REDIS_URL": WHOLE["REDIS_URL"], "MAIL_SERVER": "127.0.0.1"})
    home.write_local(place, chosen.values | {"REDIS_URL": WHOLE["REDIS_URL"], "MAIL_SERVER": "127.0.0.1"})
    settings = load({"MAILROOM_HOME": str(place)})
    migrate.upgrade(settings.database_url)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    ledger = place / "mailroom.db"
    assert ledger.stat().st_size > 100_000 and ledger.stat().st_mode & 0o777 == 0o600


def test_a_name_that_is_not_utf8_is_a_sentence(tmp_path: Path) -> None:
    latin = os.fsdecode(os.fsencode(tmp_path) + b"/\xfc")
    for text in (latin, f"{tmp_path}/a\nPORT=1"):
        with pytest.raises(SettingsError, match="^MAILROOM_HOME is not one line of UTF-8 text"):
            home_of({"MAILROOM_HOME": text})


def test_nobody_s_home_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("~nobody.at.all/in", "~"):
        monkeypatch.setattr(os.path, "expanduser", lambda path: path)
        with pytest.raises(SettingsError, match=r"^MAILROOM_HOME \(~.*\) leads nowhere from here: write"):
            home_of({"MAILROOM_HOME": text})


@pytest.mark.parametrize("name", NAMES)
def test_a_ledger_s_url_is_the_file_that_it_was_made_of(tmp_path: Path, name: str) -> None:
    url = load(WHOLE | {"DATABASE_URL": url_of_file(tmp_path / f"{name}.db")}).database_url
    database = Database(url, creates=True)
    with database.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE there (id)")
    database.dispose()
    assert f"{name}.db" in {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize(
    "path",
    ["/x/what?/in.db", "/x/a?b=c/in.db", "/x/100%/in.db", "/x/%zz", "/x/%FC.db", "/x/%00.db", "~/in.db"],
)
def test_what_is_special_in_a_path_and_stands_there_raw_is_refused(path: str) -> None:
    with pytest.raises(
        SettingsError, match=r"^DATABASE_URL (has|can|begins).*(percent-encode|option|whole path)"
    ):
        load(WHOLE | {"DATABASE_URL": f"sqlite:///{path}"})


@pytest.mark.parametrize(
    "url", ["unix:///run/what?/redis.sock", "unix:///run/a#b/redis.sock", "unix:///50%/sock"]
)
def test_so_it_is_in_a_socket_s(url: str) -> None:
    with pytest.raises(SettingsError, match="^REDIS_URL .*percent-encode what is special in its path"):
        load(WHOLE | {"REDIS_URL": url})


def test_a_relative_path_is_so_to_mailroom_s_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(WHOLE).database_url == url_of_file(ROOT / "mailroom.db")


@pytest.mark.parametrize("program", ["worker", "submission", "flask"])
def test_a_ledger_that_is_not_there_is_not_made(tmp_path: Path, program: str) -> None:
    """Where a disk is not mounted, or a path is wrong, an empty one would hide that."""
    whole = WHOLE | {"DATABASE_URL": f"sqlite:///{tmp_path}/mailroom.db"}
    done = run_python(PROGRAMS[program], os.environ | whole)
    assert "there is no ledger where DATABASE_URL says: run `flask db upgrade`" in done.stdout + done.stderr
    assert done.returncode in (1, 2) and "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("program", PROGRAMS)
def test_names_are_utf8_in_any_locale_or_it_is_a_sentence(tmp_path: Path, program: str) -> None:
    place = tmp_path / "ü"
    whole = WHOLE | {"MAILROOM_HOME": str(place), "DATABASE_URL": f"sqlite:///{place}/mailroom.db"}
    done = subprocess.run(
        [sys.executable, *PROGRAMS[program]],
        cwd=ROOT,
        env=os.environ | whole | FOREIGN,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    if program == "flask":  # it was begun before we could say anything
        assert done.stderr == (
            "mailroom: a path has letters that are not ASCII, and this locale reads them as ascii: "
            "set PYTHONUTF8=1 (or LC_ALL=C.UTF-8)\n"
        )
    elif program == "gunicorn":
        assert (done.returncode, done.stderr) == (0, "")
    else:
        assert re.fullmatch(r"mailroom: there is no ledger .*/ü/mailroom\.db\)\n", done.stderr), done.stderr
