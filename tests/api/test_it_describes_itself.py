"""The OpenAPI document, the docs page and docs/api.md tell of the same API, which is the one served."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from mailroom.ledger.people import api_keys
from mailroom.web.api.operations import OPERATIONS
from mailroom.web.api.requests.examples import REQUESTS
from tests.api.conftest import Client

EXAMPLE_ID = "4ef9a417-02e9-4d39-ad75-9611e0fcc33c"
DOCS = Path(__file__).parents[2] / "docs" / "api.md"


@pytest.fixture
def document(light_client: Client) -> dict[str, Any]:
    answer = light_client.app.test_client().get("/api/v1/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.get_json()
    return found


def test_it_names_every_operation_that_is_served(light_client: Client, document: dict[str, Any]) -> None:
    served = {
        (re.sub(r"<named:(\w+)>", r"{\1}", rule.rule.removeprefix("/api/v1")), method)
        for rule in light_client.app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/") and rule.endpoint not in ("api.unknown", "api.openapi")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {(path, method.upper()) for path, methods in document["paths"].items() for method in methods}
    assert described == served


def test_every_reference_in_it_leads_somewhere(document: dict[str, Any]) -> None:
    def references(part: Any) -> set[str]:
        if isinstance(part, list):
            return set().union(*map(references, part)) if part else set()
        if not isinstance(part, dict):
            return set()
        return {part["$ref"]} if "$ref" in part else references(list(part.values()))

    for reference in references(document):
        found: Any = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        assert found


def test_its_examples_are_accepted(light_client: Client, document: dict[str, Any]) -> None:
    ids = {
        name: light_client.post(f"/{name}s", json=REQUESTS[operation]).get_json()["id"]
        for name, operation in (
            ("template", "create_template"),
            ("mailing", "send_mailing"),
            ("list", "create_list"),
        )
    }
    light_client.post(f"/lists/{ids['list']}/recipients", json=REQUESTS["add_list_recipient"])
    light_client.patch(f"/lists/{ids['list']}", json={"name": "Renamed"})
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            if method != "post" or "requestBody" not in described:
                continue
            example = described["requestBody"]["content"]["application/json"]["example"]
            assert example == REQUESTS[described["operationId"]]
            for name, uid in ids.items():
                path = path.replace(f"/{name}s/{{id}}", f"/{name}s/{uid}")
                if name in example and isinstance(example, dict) and example[name] == EXAMPLE_ID:
                    example = {**example, name: uid}
            answer = light_client.post(path, json=example)
            assert answer.status_code == 200, (path, answer.get_json())


def test_anybody_may_read_the_docs_page(light_client: Client, document: dict[str, Any]) -> None:
    answer = light_client.app.test_client().get("/api/docs")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    for path, methods in document["paths"].items():
        assert f"/api/v1{path}</code>" in page
        for described in methods.values():
            assert f'id="{described["operationId"]}"' in page
    assert re.findall(r'(?:src|href)="(https?:)?//', page) == []  # everything is served by us
    targets = set(re.findall(r'href="#([^"]+)"', page))
    assert targets <= set(re.findall(r'id="([^"]+)"', page))


def test_the_document_on_the_api_names_every_operation(document: dict[str, Any]) -> None:
    text = DOCS.read_text(encoding="utf-8")
    for path, methods in document["paths"].items():
        for method in methods:
            assert f"`{method.upper()} {path}`" in text


def opened_by(row: str) -> set[tuple[str, str]]:
    """(method, path) of its first cell. `PATCH` alone goes with the next path; `...` was named last."""
    found: set[tuple[str, str]] = set()
    methods, waiting, path = [""], [], ""
    for word in re.findall(r"`([^`]+)`", row.split("|")[1]):
        method, rest = re.findall(r"^([A-Z]*) ?(.*)", word)[0]
        if not rest:
            waiting.append(method)
            continue
        if method:
            methods, waiting = [*waiting, method], []
        path = path.partition("}")[0] + rest.replace("...", "}") if rest.startswith("...") else rest
        found |= {(one, path) for one in methods}
    return found


def test_the_table_of_what_a_key_reaches_has_every_operation_at_its_scope(light_client: Client) -> None:
    table = DOCS.read_text(encoding="utf-8").partition("### What a key reaches")[2].partition("### ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    told = {scope: set[tuple[str, str]]() for scope in (api_keys.SEND, api_keys.READ, api_keys.ADMIN)}
    for row in rows[1:]:
        for scope, cell in zip(told, row.split("|")[2:5], strict=True):
            told[scope] |= opened_by(row) if cell.strip() else set()
    for one in OPERATIONS:
        scopes = {scope for scope, opened in told.items() if (one.method, one.path) in opened}
        assert scopes == {one.scope, api_keys.ADMIN}, (one.method, one.path)
