"""gunicorn's own lines go the way of all others, so that they are told from none and hold no secret."""

from __future__ import annotations

from typing import Any

from gunicorn.glogging import Logger


class FrontLogger(Logger):  # type: ignore[misc]
    """Without handlers of its own."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
