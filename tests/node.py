"""Packages from npm, for tests of what others verify and send with."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import CI

RESEND = "resend@6.38.0"
OLDER_RESENDS = ("resend-3@npm:resend@3.5.0", "resend-4@npm:resend@4.8.0")
AJV = ("ajv@8.20.0", "ajv-formats@3.0.1")
AXE = "axe-core@4.14.1"
STANDARD_WEBHOOKS = "standardwebhooks@1.1.1"


def install(folder: Path, *packages: str) -> Path:
    """The folder, with these in its node_modules. Without npm or its registry the test is skipped."""
    npm = shutil.which("npm")
    if npm is None:
        _missing("npm is missing; on Debian and Ubuntu: apt-get install npm")
    command = [str(npm), "install", "--no-audit", "--no-fund", "--ignore-scripts", *packages]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    if done.returncode != 0:
        _missing(f"npm could not install {' '.join(packages)}: {done.stderr[-500:]}")
    return folder


def _missing(message: str) -> None:
    """CI has everything, or has failed; elsewhere, offline for instance, the test is skipped."""
    if CI:
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def run(script: Path, folder: Path, stdin: str = "", **environment: str) -> dict[str, Any]:
    """The JSON that the script prints, run beside the packages in `folder`."""
    shutil.copy(script, folder)
    done = subprocess.run(
        ["node", script.name],
        cwd=folder,
        env={**os.environ, **environment},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen
