"""Hundreds of requests made of the OpenAPI document, good and bad, to a real server."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from sqlalchemy import update

from mailroom.ledger.schema import api_keys
from tests.api.conftest import Served
from tests.system import ROOT
from tests.warm_processes import run_python

EXAMPLES = "5" if os.environ.get("EVERY_BODY") else "2"
"""Of each kind; five with `make attacks`."""


CONFIG = """
[[operations]]
include-path = "/emails/raw"
checks.positive_data_acceptance.enabled = false  # no schema can say what is a message within the Base64

[[operations]]
include-path = "/emails/batch"
parameters = { "header.x-batch-validation" = "strict" }  # the other way tells of bad emails in a 200

[[operations]]
include-path = "/repeats"
checks.positive_data_acceptance.enabled = false  # whether a rule has a tick before its end, no schema says

[[operations]]
include-path = "/drafts/{id}/send"
checks.positive_data_acceptance.enabled = false  # whether it is ready, only the draft says

[[operations]]
include-path = "/templates/{id}/render"
checks.positive_data_acceptance.enabled = false  # which variables it wants, only the template says
"""


PARTS = ("emails", "mailings", "templates", "lists", "drafts", "repeats")
"""Paths that are tried together; what begins otherwise is a part of its own."""

OTHERS = f"(?!{'|'.join(PARTS)})"
LINKED = PARTS[:3]
"""Where one answer's id leads to the next request; without any link it would complain."""


@pytest.mark.parametrize("part", [*PARTS, OTHERS], ids=[*PARTS, "others"])
def test_schemathesis_finds_nothing(served: Served, tmp_path: Path, part: str) -> None:
    with served.system.database.begin() as connection:
        connection.execute(update(api_keys).values(rate="1000000/minute"))
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    hooks = {"SCHEMATHESIS_HOOKS": "tests.api.schemathesis_hooks", "PYTHONPATH": str(ROOT)}
    words = ["-m", "schemathesis.cli", "run", f"{served.url}/openapi.json", "--generation-deterministic"]
    words += ["--max-examples", EXAMPLES, "--no-color", "--header", f"Authorization: Bearer {served.key}"]
    phases = "examples,coverage,fuzzing" + (",stateful" if part in LINKED else "")
    words += ["--include-path-regex", f"^/({part})", "--phases", phases]

    environment = {**os.environ, "COLUMNS": "120", **hooks}
    done = run_python(words, environment, timeout=115, folder=tmp_path)  # it leaves its notes where it runs

    assert done.returncode == 0, done.stdout[-6000:]
    assert re.search(r"[1-9]\d* selected|Operations: +[1-9]|[1-9]\d* generated", done.stdout), done.stdout[
        -2000:
    ]
    assert "a request failed" not in (tmp_path / "web.log").read_text()
