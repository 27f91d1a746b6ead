"""What `make` sets up is in .venv, whatever bends Python or pip, and mends itself when something broke there.

One package of our own stands for all of them, so that nothing is downloaded.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_make import FILES, ROOT, UNREACHABLE, make

OFFLINE = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1"}
START = "import pin_of_ours; print('started with', pin_of_ours.__file__)"
PACKAGE = {
    "pin_of_ours.py": "def main():\n    print('a program')\n",
    "pin_of_ours-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: pin-of-ours\nVersion: 1.0\n",
    "pin_of_ours-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "pin_of_ours-1.0.dist-info/entry_points.txt": "[console_scripts]\npin-of-ours = pin_of_ours:main\n",
}
RECORD = "pin_of_ours-1.0.dist-info/RECORD"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("set-up")


@pytest.fixture(scope="module")
def made(folder: Path) -> Path:
    """A checkout that was set up, below a folder with a blank."""
    checkout = folder / "a checkout"
    for name in FILES:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, checkout / name)
    (checkout / "start.py").write_text(START)
    (checkout / "requirements.txt").write_text("pin-of-ours==1.0  # the only one\n")
    with zipfile.ZipFile(folder / "pin_of_ours-1.0-py3-none-any.whl", "w") as wheel:
        for name, text in PACKAGE.items():
            wheel.writestr(name, text)
        wheel.writestr(RECORD, "".join(f"{name},,{len(text)}\n" for name, text in PACKAGE.items()))
    run(checkout)
    return checkout


@pytest.fixture
def checkout(made: Path) -> Iterator[Path]:
    yield made
    run(made)  # whatever a test broke is mended for the next


def run(checkout: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """`make run`, which must have started with the package of .venv."""
    done = make(checkout, "run", **{"PIP_FIND_LINKS": str(checkout.parent), **OFFLINE, **environ})
    (installed,) = (checkout / ".venv").glob("lib/python*/site-packages/pin_of_ours.py")
    assert (done.returncode, done.stdout) == (0, f"started with {installed}\n"), done.stderr
    return done


def remove(checkout: Path, *patterns: str) -> None:
    for pattern in patterns:
        for path in (checkout / ".venv").glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_what_is_installed_is_not_installed_again(checkout: Path) -> None:
    assert run(checkout, **UNREACHABLE).stderr == ""


def test_no_variable_and_no_configuration_bends_it(checkout: Path, tmp_path: Path) -> None:
    remove(checkout, "lib/python*/site-packages/pin_of_ours*")
    (checkout / ".venv" / ".installed").touch()  # an older Mailroom believed this
    for shadow in ("pin_of_ours", "pip", "flask"):
        (tmp_path / f"{shadow}.py").write_text("raise SystemExit('another one')")
    (tmp_path / "deploy").mkdir()
    elsewhere = tmp_path / "elsewhere"
    lines = ["[install]", "user = true", *(f"{name} = {elsewhere}" for name in ("target", "prefix", "root"))]
    (tmp_path / "pip.conf").write_text("\n".join(lines))
    folders = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON", "PYTHONHOME", "PYTHONPLATLIBDIR")
    switches = ("PIP_USER", "PIP_DRY_RUN", "PIP_REQUIRE_HASHES", "PYTHONSAFEPATH", "PYTHONINSPECT")
    run(
        checkout,
        **{name: str(elsewhere) for name in folders},
        **dict.fromkeys(switches, "1"),
        PYTHONPATH=str(tmp_path),
        CDPATH=str(tmp_path),
        PIP_CONFIG_FILE=str(tmp_path / "pip.conf"),
    )
    assert not elsewhere.exists()


def test_a_configuration_that_has_pip_do_nothing_is_named(checkout: Path, tmp_path: Path) -> None:
    remove(checkout, "lib/python*/site-packages/pin_of_ours*")
    (tmp_path / "pip.conf").write_text("[install]\ndry-run = true\n")
    words = {"PIP_FIND_LINKS": str(checkout.parent), **OFFLINE, "PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}
    done = make(checkout, "run", **words)
    assert done.returncode != 0 and done.stdout == ""
    said = "mailroom: pip ended well, and pin-of-ours is not installed in .venv: look at pip config list"
    assert said in done.stderr


@pytest.mark.parametrize(
    ("what", "text", "answer"),
    [
        ("pin_of_ours.py", None, (2, "pin_of_ours.py is not as it was installed\n")),
        ("pin_of_ours.py", "", (2, "pin_of_ours.py is not as it was installed\n")),
        ("../../../bin/pin-of-ours", None, (2, "../../../bin/pin-of-ours is not as it was installed\n")),
        ("pin_of_ours-1.0.dist-info/INSTALLER", None, (2, "pin-of-ours was not installed to its end\n")),
        ("pin_of_ours-1.0.dist-info/METADATA", "Version: 2.0", (1, "pin-of-ours is 2.0, not 1.0\n")),
    ],
)
def test_what_is_wrong_is_found(made: Path, what: str, text: str | None, answer: tuple[int, str]) -> None:
    (path,) = [folder / what for folder in (made / ".venv").glob("lib/python*/site-packages")]
    before, mode = path.read_bytes(), path.stat().st_mode
    path.unlink() if text is None else path.write_text(text)
    words = [".venv/bin/python", "-I", "deploy/installed.py", "requirements.txt"]
    done = subprocess.run(words, cwd=made, capture_output=True, text=True)
    path.write_bytes(before)
    path.chmod(mode)
    assert (done.returncode, done.stdout) == answer
    assert subprocess.run(words, cwd=made).returncode == 0


@pytest.mark.parametrize("what", ["lib/python*/site-packages/pin_of_ours.py", "bin/python*", "lib"])
def test_what_broke_is_mended(checkout: Path, what: str) -> None:
    """A file that is gone; a Python that was removed; one of another version in its place."""
    remove(checkout, what)
    run(checkout)


def test_a_checkout_that_was_moved_keeps_its_programs(made: Path) -> None:
    moved = made.with_name("elsewhere")
    shutil.copytree(made, moved, symlinks=True)
    assert "was moved here" in run(moved, **UNREACHABLE).stderr
    made.rename(made.with_name("gone"))
    try:
        assert subprocess.check_output([moved / ".venv" / "bin" / "pin-of-ours"]) == b"a program\n"
        activated = ["sh", "-c", ". .venv/bin/activate && command -v pin-of-ours"]
        found = subprocess.check_output(activated, cwd=moved, text=True)
        assert found == f"{moved}/.venv/bin/pin-of-ours\n"
        assert run(moved, **UNREACHABLE).stderr == ""
    finally:
        made.with_name("gone").rename(made)
