"""/api/docs: the OpenAPI document for readers, without a line of anybody else's JavaScript."""

from __future__ import annotations

import json
from typing import Any

from flask import g, render_template
from markupsafe import Markup, escape

from mailroom.web import mailroom
from mailroom.web.api.blueprint import API_ROOT, blueprint
from mailroom.web.api.openapi import ERRORS, Document, document
from mailroom.web.request.gate import current

EXAMPLE = "https://mail.example.org"
"""Where Mailroom is, for strangers."""


@blueprint.get("/docs")
def docs() -> str:
    """Open to everybody: who has a key need not be able to sign in. A stranger reads code alone, and
    nothing of how this Mailroom is set up."""
    sign_in = current()
    if sign_in is not None:
        g.user = sign_in.user
    address = EXAMPLE if sign_in is None else mailroom().settings.public_url
    found = document()
    operations = [
        {"method": method.upper(), "path": path, **described}
        for path, methods in found["paths"].items()
        for method, described in methods.items()
    ]
    return render_template(
        "api/docs.html",
        api=found,
        errors=ERRORS,
        base_url=f"{address}/api{API_ROOT}",
        operations=operations,
        schemas={name: _fields(schema) for name, schema in found["components"]["schemas"].items()},
        as_json=lambda value: json.dumps(value, indent=2, ensure_ascii=False),
        name_of=_referred,
        names_of=_all_referred,
    )


@blueprint.app_template_filter("code_words")
def code_words(text: str) -> Markup:
    """`like this` as code."""
    parts = text.split("`")
    marked = (
        Markup("<code>{}</code>").format(part) if at % 2 else escape(part) for at, part in enumerate(parts)
    )
    return Markup("").join(marked)


def _fields(schema: Document) -> list[dict[str, Any]]:
    """The rows of a model's table: name, kind, whether it is needed, what it is."""
    return [
        {
            "name": name,
            "kind": _kind(field),
            "is_needed": name in schema.get("required", ()),
            "text": field.get("description", ""),
            "example": field.get("examples", [None])[0],
            "refers_to": _referred(field),
        }
        for name, field in schema.get("properties", {}).items()
    ]


def _referred(schema: Document) -> str | None:
    """The model that this is, or is an array of."""
    for part in (schema, schema.get("items", {}), *schema.get("anyOf", ())):
        if "$ref" in part:
            return str(part["$ref"].rpartition("/")[2])
        if isinstance(part.get("items"), dict) and "$ref" in part["items"]:
            return str(part["items"]["$ref"].rpartition("/")[2])
    return None


def _all_referred(schema: Document) -> list[str]:
    """The models that a body may be, or be an array of."""
    kinds = schema.get("items", schema)
    return [name for part in kinds.get("anyOf", [kinds]) if (name := _referred(part))]


def _kind(schema: Document) -> str:
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(schema["enum"])
    if "$ref" in schema:
        return "object"
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if "type" in schema:
        return str(schema["type"])
    kinds = dict.fromkeys(_kind(part) for part in schema.get("anyOf", ()))
    return " or ".join(kind for kind in kinds if kind != "null") or "any"
