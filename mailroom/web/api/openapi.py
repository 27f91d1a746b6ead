"""The OpenAPI document, made of the models that check and of the operations that serve."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from http import HTTPStatus
from typing import Any

from flask import Response, jsonify
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from mailroom import __version__
from mailroom.content.addresses import Address
from mailroom.web.api.answers import mails as responses
from mailroom.web.api.blueprint import API_ROOT, blueprint
from mailroom.web.api.idempotency import LONGEST_IDEMPOTENCY_KEY
from mailroom.web.api.operations import OPERATIONS, Operation
from mailroom.web.api.reach import TEMPLATE_NAMES, TEMPLATES_PATH
from mailroom.web.api.requests.examples import EXAMPLE_LISTED, REQUESTS
from mailroom.web.api.requests.mailings import ListReadingRequest
from mailroom.web.api.submitted.listed import LIST_PART, MAILING_PART

Document = dict[str, Any]

REF = "#/components/schemas/{model}"

API_DESCRIPTION = """\
Mailroom's API has the shape of Resend's: its official clients work unchanged with their base
URL pointed here. An answer of 200 to a request that sends means that what was sent is on disk. A key
reaches what its program sent; one with the scope `admin` reaches everything."""

REQUEST_HEADERS: dict[str, Document] = {
    "Idempotency-Key": {
        "description": "The same request with the same key, within 24 hours, gets the first one's answer "
        "and the header `Idempotent-Replayed: true`; nothing is sent again.",
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": LONGEST_IDEMPOTENCY_KEY,
            "pattern": "^[!-~]([ -~]*[!-~])?$",
            "examples": ["welcome-user/123456789"],
        },
    },
    "x-batch-validation": {
        "description": "Whether one mistake refuses the whole batch.",
        "schema": {"type": "string", "enum": ["strict", "permissive"], "default": "strict"},
    },
}

ERRORS = {
    400: "The body is not JSON, or a header cannot be used.",
    401: "The API key is missing, or lacks the scope (`missing_api_key`, `restricted_api_key`).",
    403: "The API key is invalid, expired or revoked, or may not send from this address.",
    404: "There is no such thing, or another program sent it.",
    409: "It has moved on; or the idempotency key is taken "
    "(`invalid_idempotent_request`, `concurrent_idempotent_requests`).",
    413: "The request is too large.",
    422: "Something in it cannot be used; the message names the field and the fix.",
    429: "Too many requests with this key; `Retry-After` says when to go on.",
    503: "The ledger cannot be reached, the disk is full, or too many letters are being converted, and "
    "nothing was accepted; `Retry-After` says when to try again.",
}


@blueprint.get(f"{API_ROOT}/openapi.json")
def openapi() -> Response:
    response = jsonify(document())
    response.headers["Cache-Control"] = "public, max-age=300"
    response.headers["Access-Control-Allow-Origin"] = "*"  # nothing in it is anybody's
    return response


@cache
def document() -> Document:
    """The whole document. Made once: it depends on code alone."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Mailroom",
            "version": __version__,
            "summary": "Send mail that is never lost.",
            "description": API_DESCRIPTION,
        },
        "servers": [{"url": f"/api{API_ROOT}"}],
        "security": [{"key": []}],
        "tags": [
            {"name": name} for name in ("Drafts", "Emails", "Lists", "Mailings", "Suppressions", "Templates")
        ],
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key: `mr_...`"}
            },
            "schemas": _schemas(),
            "responses": {_error_name(status): _error(text) for status, text in ERRORS.items()},
        },
    }


def _paths() -> Document:
    paths: Document = {}
    for operation in sorted(OPERATIONS, key=lambda known: (known.tag, known.path)):
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return paths


def _operation(operation: Operation) -> Document:
    described: Document = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": f"{operation.description} Needs the scope `{operation.scope}`.".strip(),
        "parameters": _parameters(operation),
        "responses": {
            "200": _success(operation),
            **{
                str(status): {"$ref": f"#/components/responses/{_error_name(status)}"}
                for status in operation.all_errors
            },
        },
    }
    if operation.takes is not None:
        described["requestBody"] = {"required": True, "content": {"application/json": _body(operation)}}
    if operation.takes_listed:
        described["requestBody"]["content"]["multipart/form-data"] = _listed_body(operation.takes_listed)
    return described


def _parameters(operation: Operation) -> list[Document]:
    found: list[Document] = []
    if "{id}" in operation.path:
        kind = (
            {"pattern": TEMPLATE_NAMES} if operation.path.startswith(TEMPLATES_PATH) else {"format": "uuid"}
        )
        schema = {"type": "string", **kind, "examples": [responses.ID]}
        found.append({"name": "id", "in": "path", "required": True, "schema": schema})
    if operation.query is not None:
        query = operation.query.model_json_schema()
        for name, schema in query["properties"].items():
            described = {key: value for key, value in schema.items() if key not in ("title", "description")}
            found.append({"name": name, "in": "query", "schema": _not_null(described)})
            if name in query.get("required", ()):
                found[-1]["required"] = True
            if "description" in schema:
                found[-1]["description"] = schema["description"]
    for name in operation.headers:
        found.append({"name": name, "in": "header", **REQUEST_HEADERS[name]})
    return found


def _not_null(schema: Document) -> Document:
    """A query string has no null: what may be left out is simply not there."""
    kinds = [kind for kind in schema.pop("anyOf", []) if kind != {"type": "null"}]
    if schema.get("default", "") is None:
        del schema["default"]
    return {**schema, **kinds[0]} if kinds else schema


def _body(operation: Operation) -> Document:
    assert operation.takes is not None
    schema: Document = {"$ref": REF.format(model=_component(operation.takes.__name__))}
    if operation.takes_instead is not None:
        other = {"$ref": REF.format(model=_component(operation.takes_instead.__name__))}
        schema = {"anyOf": [schema, other]}
    if operation.takes_many:
        schema = {"type": "array", "items": schema, "minItems": 1, "maxItems": operation.takes_many}
    return {"schema": schema, "example": REQUESTS[operation.name]}


def _listed_body(models: Iterable[type[BaseModel]]) -> Document:
    """The JSON, the file, and how it is to be read."""
    letters = [{"$ref": REF.format(model=_component(model.__name__))} for model in models]
    reading = ListReadingRequest.model_json_schema()["properties"]
    parts: Document = {
        MAILING_PART: {"anyOf": letters},
        LIST_PART: {
            "type": "string",
            "format": "binary",
            "description": "CSV, a workbook (XLSX, XLS, ODS) or vCard.",
        },
        **{name: _tidy(part) for name, part in reading.items()},
    }
    return {
        "schema": {
            "type": "object",
            "properties": parts,
            "required": [MAILING_PART, LIST_PART],
            "additionalProperties": False,
        },
        "encoding": {MAILING_PART: {"contentType": "application/json"}},
        "example": EXAMPLE_LISTED,
    }


def _success(operation: Operation) -> Document:
    if operation.gives is None:
        lines = {"schema": {"type": "string"}}
        return {
            "description": "A line for each.",
            "content": {"application/jsonl": lines, "text/csv": lines},
        }
    schema = {"$ref": REF.format(model=_component(operation.gives.__name__))}
    text = (operation.gives.__doc__ or "").strip() or "What was asked for."
    files = {kind: {"schema": {"type": "string"}} for kind in operation.gives_files}
    answer: Document = {"description": text, "content": {"application/json": {"schema": schema}, **files}}
    return answer | ({"links": links} if (links := _links(operation)) else {})


def _links(operation: Operation) -> Document:
    """What can be done with the id that a POST gives back."""
    if operation.method != "POST" or operation.takes is None or operation.takes_many:
        return {}
    return {
        other.name: {"operationId": other.name, "parameters": {"id": "$response.body#/id"}}
        for other in OPERATIONS
        if other.path.startswith(f"{operation.path}/{{id}}")
    }


def _schemas() -> Document:
    """Requests as they are checked, under their plain names (`Email`); answers as they are written
    (`EmailAnswer`).
    """
    taken = _used(
        model
        for operation in OPERATIONS
        for model in (operation.takes, operation.takes_instead, *operation.takes_listed)
    )
    given: list[type[BaseModel]] = [
        *_used(operation.gives for operation in OPERATIONS),
        responses.ErrorAnswer,
    ]
    requests = _definitions(taken, "validation")
    answers = _definitions(given, "serialization")
    found = dict(sorted({**requests, **answers}.items()))
    return {name: schema for name, schema in found.items() if name != INNER}


INNER = Address.__name__  # how we keep a mailbox; programs write it as a string


def _definitions(models: list[type[BaseModel]], mode: JsonSchemaMode) -> Document:
    _, found = models_json_schema([(model, mode) for model in models], ref_template=REF)
    return {_component(name): _tidy(schema) for name, schema in found.get("$defs", {}).items()}


def _tidy(schema: Any) -> Any:
    """Without the titles that only repeat names, and defaults of what has to be given; with components
    under their public names.
    """
    if isinstance(schema, list):
        return [_tidy(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    required = schema.get("required", ())
    tidied = {}
    for name, part in schema.items():
        if name == "title" and isinstance(part, str):
            continue
        if name == "properties":
            part = {
                key: {k: v for k, v in value.items() if not (k == "default" and key in required)}
                for key, value in part.items()
            }
        tidied[name] = _component(part) if name == "$ref" else _tidy(part)
    return tidied


def _component(model: str) -> str:
    return model.removesuffix("Request")


def _used(models: Iterable[type[BaseModel] | None]) -> list[type[BaseModel]]:
    return list(dict.fromkeys(model for model in models if model is not None))


def _error_name(status: int) -> str:
    return HTTPStatus(status).phrase.replace(" ", "")


def _error(text: str) -> Document:
    schema = {"$ref": REF.format(model=_component(responses.ErrorAnswer.__name__))}
    return {"description": text, "content": {"application/json": {"schema": schema}}}
