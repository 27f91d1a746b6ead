"""Links in templates are Flask's own, although they are made once."""

from __future__ import annotations

from typing import Any

import flask
import pytest
from flask import Flask
from werkzeug.routing import BuildError

from mailroom.web.layout import links

LINKS: list[tuple[str, dict[str, Any]]] = [
    ("mailings.index", {}),
    ("mailings.index", {"q": "50 % off", "recipients": 7}),
    ("mailings.index", {"before": 7}),
    ("mailings.show", {"mailing_id": 7}),
    ("mailings.show", {"mailing_id": 7, "after": 70}),
    ("mailings.show", {"after": 70, "mailing_id": 7}),
    ("mailings.show", {"mailing_id": 7, "_anchor": "deliveries"}),
    ("mailings.deliveries.show", {"mailing_id": 7, "delivery_id": 7}),
    ("mailings.deliveries.show", {"delivery_id": 70, "mailing_id": 7}),
    ("static", {"filename": "css/base.css"}),
    ("static", {"filename": "css/100 %d.css"}),
    ("static", {"filename": "logo.svg", "_anchor": "menu"}),
]


@pytest.mark.parametrize("root", ["/", "/post room%d/"])
def test_they_are_flask_s_own(app: Flask, root: str) -> None:
    with app.test_request_context("/", base_url=f"http://localhost{root}"):
        for number in (0, 1, 12):
            for endpoint, values in LINKS:
                given: dict[str, Any] = {
                    name: value + number if type(value) is int else value for name, value in values.items()
                }
                assert links.link_to(endpoint, **given) == flask.url_for(endpoint, **given)
        with pytest.raises(BuildError):
            links.link_to("mailings.show")
        with pytest.raises(BuildError):
            links.link_to("mailings.nowhere", mailing_id=7)


def test_a_proxy_cannot_fill_the_memory(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "KEPT_LINKS", 3)
    for number in range(10):
        with app.test_request_context("/", base_url=f"http://localhost/{number}"):
            assert links.link_to("mailings.show", mailing_id=7) == f"/{number}/mailings/7"
    with app.app_context():
        assert 1 <= len(links.kept_links()) <= 3


def test_outside_of_a_request_it_is_flask_s(app: Flask) -> None:
    with app.app_context(), pytest.raises(RuntimeError, match="SERVER_NAME"):
        links.link_to("mailings.index")


def test_templates_have_it(app: Flask) -> None:
    assert app.jinja_env.globals["url_for"] is links.link_to
