"""A MAILROOM_HOME that cannot be written is told of: at the start, and by the doctor."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from app import create_app
from mailroom.log import blotter
from mailroom.settings import Settings, keep_within_home, load


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the system has its temporary files."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "elsewhere"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path / "elsewhere"


@pytest.fixture
def unwritable(settings_env: dict[str, str], tmp_path: Path) -> Settings:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "tmp").touch()  # in its way, also for root
    return load(settings_env | {"MAILROOM_HOME": str(tmp_path / "bad")})


def test_libraries_make_their_files_in_it(settings: Settings, elsewhere: Path) -> None:
    folder = keep_within_home(settings)
    with tempfile.NamedTemporaryFile() as file:
        assert Path(file.name).parent == Path(folder) == settings.home / "tmp"
    assert os.environ["TMPDIR"] == folder
    assert (settings.home / "tmp").stat().st_mode & 0o777 == 0o700


def test_one_that_others_may_look_into_stays_so(settings: Settings, elsewhere: Path) -> None:
    """A proxy may look for a socket there."""
    settings.home.mkdir(mode=0o750)
    keep_within_home(settings)
    assert settings.home.stat().st_mode & 0o777 == 0o750


def test_what_has_no_place_there_goes_where_the_system_has_one(
    unwritable: Settings, elsewhere: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert keep_within_home(unwritable) == str(elsewhere)
    assert f"{unwritable.home}/tmp cannot be written (Not a directory)" in caplog.text


def test_no_place_at_all_is_one_line(
    unwritable: Settings, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", list)
    with pytest.raises(SystemExit):
        keep_within_home(unwritable)
    assert capsys.readouterr().err == (
        f"mailroom: MAILROOM_HOME ({unwritable.home}) cannot be written (Not a directory), nor has the "
        "system a place for temporary files: name a folder of Mailroom's own user\n"
    )


def test_the_doctor_names_it(unwritable: Settings, settings: Settings) -> None:
    bad = f"FAIL  files       MAILROOM_HOME ({unwritable.home}) cannot be written (Not a directory): name a"
    for its, words in ((unwritable, bad), (settings, f"ok    files       all in {settings.home}")):
        app = create_app(its)
        # The password of Redis in these tests is a part of many words.
        assert blotter(its.secrets)(words) in app.test_cli_runner().invoke(args=["doctor"]).output
        app.extensions["mailroom"].database.dispose()
