"""The look of the page: one sheet inside it, there with the first answer, and by any host name."""

from __future__ import annotations

import base64
from hashlib import sha256
from pathlib import Path

from flask import Flask
from markupsafe import Markup

SHEET_NAME = "mailroom.unsubscribe_sheet"


class Sheet:
    """The colours of all pages, and what this one needs beside them."""

    def __init__(self, folder: Path) -> None:
        tokens = (folder / "css" / "tokens.css").read_text(encoding="utf-8")
        own = (folder / "css" / "unsubscribe.css").read_text(encoding="utf-8")
        style = tokens[tokens.index(":root {") :] + own  # without the fonts, which would be further requests
        self.element = Markup("<style>") + Markup(style) + Markup("</style>")  # our own two files
        digest = base64.b64encode(sha256(style.encode()).digest()).decode()
        self.policy = "; ".join(
            (
                "default-src 'none'",
                f"style-src 'sha256-{digest}'",
                "img-src data:",
                "form-action 'self'",
                "base-uri 'none'",
                "frame-ancestors 'none'",
            )
        )


def init_app(app: Flask) -> None:
    app.extensions[SHEET_NAME] = Sheet(Path(app.static_folder or ""))
