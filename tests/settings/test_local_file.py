"""What runs beside a local run reads its file; what belongs to another system does not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mailroom.local.home import write_local
from mailroom.settings import REQUIRED, SettingsError, load

LOCAL = {
    "SECRET_KEY": "the local run's secret",
    "DATABASE_URL": "sqlite:////home/mailroom.db",
    "REDIS_URL": "redis://:x=y@127.0.0.1:1/0",
    "MAIL_SERVER": "127.0.0.1",
    "MAIL_PORT": "1025",
    "MAIL_USERNAME": "",
    "MAILROOM_LOCAL": "1",
    "PORT": "8123",
}


@pytest.fixture
def beside(tmp_path: Path) -> dict[str, str]:
    write_local(tmp_path, LOCAL)
    return {"MAILROOM_HOME": str(tmp_path)}


def test_the_file_is_enough(beside: dict[str, str]) -> None:
    settings = load(beside)
    assert settings.local
    assert (settings.port, settings.mail_port, settings.redis_url) == (8123, 1025, LOCAL["REDIS_URL"])
    assert settings.mail_username is None


def test_the_environment_goes_before_the_file(beside: dict[str, str]) -> None:
    assert load(beside | {"MAILROOM_WORKERS": "4", "PORT": "9000"}).port == 9000


def test_the_same_value_in_both_is_the_same_system(beside: dict[str, str]) -> None:
    assert load(beside | {"SECRET_KEY": LOCAL["SECRET_KEY"]}).local


@pytest.mark.parametrize("name", REQUIRED)
def test_another_systems_environment_ignores_the_file(beside: dict[str, str], name: str) -> None:
    with pytest.raises(SettingsError, match="is not set"):
        load(beside | {name: "redis://elsewhere"})


def test_a_whole_environment_ignores_the_file(beside: dict[str, str]) -> None:
    settings = load(beside | {name: LOCAL[name] for name in REQUIRED} | {"SECRET_KEY": "another secret"})
    assert not settings.local
    assert (settings.port, settings.mail_port) == (8000, 25)


def test_a_secret_file_with_another_secret_is_another_system(beside: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("another secret")
    with pytest.raises(SettingsError, match="^DATABASE_URL is not set"):
        load(beside | {"SECRET_KEY_FILE": str(tmp_path / "secret")})


def test_the_file_is_for_its_owner_only(beside: dict[str, str], tmp_path: Path) -> None:
    assert (tmp_path / "local.env").stat().st_mode & 0o777 == 0o600


def test_writing_it_leaves_nothing_else_behind(beside: dict[str, str], tmp_path: Path) -> None:
    write_local(tmp_path, LOCAL)
    assert os.listdir(tmp_path) == ["local.env"]
