"""Applications and databases of tests share what is the same for all of them, and nothing else."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import pytest
from flask import Flask, render_template_string, url_for
from jinja2 import DictLoader
from redis.driver_info import DriverInfo
from sqlalchemy import JSON, ClauseElement, bindparam, select, type_coerce
from werkzeug.routing import BaseConverter

from mailroom.database.engine import Database

ECHO = select(type_coerce(bindparam("given"), JSON))


class Shouted(BaseConverter):
    """In capitals in a path, and in small letters for whoever gets it."""

    def to_python(self, value: str) -> str:
        return value.lower()

    def to_url(self, value: str) -> str:
        return value.upper()


def an_application(*rules: str, **converters: type[BaseConverter]) -> Flask:
    app = Flask("of a test")
    app.url_map.converters.update(converters)
    for rule in rules:
        app.add_url_rule(rule, rule, lambda **given: given)
    return app


def test_each_application_has_its_own_converters() -> None:
    for converters, answer in (({}, "ULM"), ({"word": Shouted}, "ulm"), ({"word": BaseConverter}, "ULM")):
        app = an_application(
            "/towns/<default:town>" if not converters else "/towns/<word:town>", **converters
        )
        assert app.test_client().get("/towns/ULM").json == {"town": answer}
        with app.test_request_context():
            (rule,) = (one for one in app.url_map.iter_rules() if "town" in one.arguments)
            assert url_for(rule.endpoint, town="ulm") == f"/towns/{'ULM' if answer == 'ulm' else 'ulm'}"


def test_a_route_of_several_applications_leads_to_each_one_s_view() -> None:
    for number in range(3):
        app = an_application("/<int:number>", "/<path:rest>", "/a//b/<name>")
        app.view_functions["/<int:number>"] = lambda number, by=number: {"by": by, "number": number}
        client = app.test_client()
        assert client.get("/5").json == {"by": number, "number": 5}
        assert client.get("/5/a").json == {"rest": "5/a"}
        assert client.get("/a/b/c").json == {"name": "c"}
        assert client.post("/5").status_code == 405
        with app.test_request_context():
            assert url_for("/<int:number>", number=7, more="x") == "/7?more=x"


def test_a_template_of_the_same_name_is_another_one_s() -> None:
    for words in ("one", "another", "one"):
        app = Flask("of a test")
        app.jinja_loader = DictLoader({"greeting.html": words})
        with app.app_context():
            assert render_template_string("{% include 'greeting.html' %}") == words


def test_a_statement_is_composed_once_for_all_databases_of_a_kind(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose, composed = ClauseElement._compiler, list[object]()

    def noted(self: ClauseElement, *given: Any, **options: Any) -> Any:
        composed.append(self)
        return compose(self, *given, **options)

    monkeypatch.setattr(ClauseElement, "_compiler", noted)
    for given in ({"a": 1}, ["b"], "c"):
        database = Database(database_url)
        with database.read() as connection:
            assert connection.execute(ECHO, {"given": given}).scalar_one() == given
        database.dispose()
    assert len(composed) <= 1


def test_both_kinds_answer_side_by_side(sqlite_url: str, postgres_url: str) -> None:
    for url in (sqlite_url, postgres_url, sqlite_url):
        database = Database(url)
        with database.read() as connection:
            assert connection.execute(ECHO, {"given": url}).scalar_one() == url
            assert connection.dialect is database.engine.dialect
        database.dispose()


def test_redis_is_told_the_client_s_version() -> None:
    assert DriverInfo().lib_version == version("redis")
