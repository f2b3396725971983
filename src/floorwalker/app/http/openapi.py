"""The OpenAPI 3.1 document, written from the routes and the structs that check them.

In: endpoints. Out: a document as plain dicts; it cannot say anything else than what the service does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

import floorwalker
from floorwalker.app.http.answers import ErrorBody
from floorwalker.app.http.public import PublicDecision
from floorwalker.app.http.router import parameters

if TYPE_CHECKING:
    from floorwalker.app.http.routes import Endpoint

_ERRORS = {
    "400": "The request is wrong",
    "401": "No key, or not a valid one",
    "403": "The key may not do this",
    "404": "No such thing",
    "413": "The body is too long",
    "503": "No run has published a bundle yet",
}


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The document for these routes."""
    structs: set[type] = {PublicDecision, ErrorBody}
    for endpoint in endpoints:
        structs |= {kind for kind in (endpoint.asks, endpoint.answers) if kind is not None and kind is not dict}
    ordered = sorted(structs, key=lambda struct: struct.__name__)
    _, components = msgspec.json.schema_components(ordered, ref_template="#/components/schemas/{name}")
    paths: dict[str, Any] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Floorwalker", "version": floorwalker.__version__},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    answers: list[dict[str, Any]] = [{"type": "object"}]
    if endpoint.answers not in (None, dict):
        answers = [_ref(endpoint.answers)] + ([_ref(PublicDecision)] if endpoint.allows_browser else [])
    schema = answers[0] if len(answers) == 1 else {"anyOf": answers}
    kind = "text/plain" if endpoint.path == "/metrics" else "application/json"
    operation: dict[str, Any] = {
        "summary": endpoint.about,
        "operationId": f"{endpoint.method.lower()}_{getattr(endpoint.handle, '__name__', 'call')}",
        "security": [] if endpoint.scope == "open" else [{"key": []}],
        "x-scope": endpoint.scope,
        "responses": {str(endpoint.status): {"description": endpoint.about, "content": {kind: {"schema": schema}}}}
        | {
            status: {"description": about, "content": {"application/json": {"schema": _ref(ErrorBody)}}}
            for status, about in _ERRORS.items()
        },
    }
    if endpoint.asks is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(endpoint.asks)}}}
    described = [_parameter(name, "path") for name in parameters(endpoint.path)]
    if endpoint.query is not None:
        described += [_of_query(field) for field in msgspec.structs.fields(endpoint.query)]
    if described:
        operation["parameters"] = described
    return operation


def _parameter(name: str, place: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": place,
        "required": True,
        "description": "A customer id, or kind:value such as email:ann@example.com, URL-encoded",
        "schema": {"type": "string"},
    }


def _of_query(field: msgspec.structs.FieldInfo) -> dict[str, Any]:
    schema = msgspec.json.schema(field.type)
    if not field.required:
        schema["default"] = field.default
        return {"name": field.encode_name, "in": "query", "required": False, "schema": schema}
    return {**_parameter(field.encode_name, "query"), "schema": schema}


def _ref(struct: type) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{struct.__name__}"}
