"""Every fault in its short form. In full: `make drill`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drills.all import every_drill
from tests.drills.drill import Drill
from tests.drills.stage import Stage


@pytest.mark.timeout(180)
@pytest.mark.parametrize("drill", every_drill(), ids=lambda drill: f"{drill.name}-{drill.run.__name__}")
def test_nothing_is_lost_and_nothing_comes_twice(drill: Drill, tmp_path: Path, database_url: str) -> None:
    with Stage(tmp_path, database_url, full=False) as stage:
        drill.run(stage)
        stage.check()
