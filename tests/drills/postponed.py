"""A scenario that is certain to end after another one; a process of its own has to find it by its name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tests.drills.drill import Drill
from tests.drills.scenario import Scenario
from tests.drills.stage import Stage
from tests.servers import wait_until


@dataclass(frozen=True, slots=True)
class Postponed(Scenario):
    """It begins once that file is there."""

    until: Path

    @property
    def drill(self) -> Drill:
        drill = Scenario(self.name, self.database, self.full).drill

        def run(stage: Stage) -> None:
            wait_until(self.until.exists, 200, "the other one's row")
            drill.run(stage)

        return replace(drill, run=run)
