"""A secret may come as NAME_FILE, as container platforms hand them out."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailroom.settings import FILED, SettingsError, given, load


@pytest.mark.parametrize("name", FILED)
def test_it_reads_the_secret_from_the_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("from the file\n")
    assert given({f"{name}_FILE": str(tmp_path / "secret")}) == {name: "from the file"}


def test_both_at_once_are_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from the file\n")
    with pytest.raises(SettingsError, match="^SECRET_KEY and SECRET_KEY_FILE are both set"):
        given({"SECRET_KEY": "from the environment", "SECRET_KEY_FILE": str(tmp_path / "secret")})


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "missing"
    with pytest.raises(SettingsError, match=f"^MAIL_PASSWORD_FILE names {path}, which cannot be read"):
        load({"MAIL_PASSWORD_FILE": str(path)})


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("\n")
    with pytest.raises(SettingsError, match=r"^SECRET_KEY_FILE names .*, which is empty$"):
        load({"SECRET_KEY_FILE": str(tmp_path / "secret")})
