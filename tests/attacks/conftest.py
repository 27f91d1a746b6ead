"""The application on real parts; see tests/web/conftest.py."""

from __future__ import annotations

from tests.web import conftest

app = conftest.app
link = conftest.link
client = conftest.client
csrf = conftest.csrf
