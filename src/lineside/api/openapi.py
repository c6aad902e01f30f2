"""The OpenAPI 3.1 document of the control API, made from its table."""

from collections.abc import Sequence
from typing import Any

import msgspec

from lineside.api.operation import STATUS, Operation
from lineside.api.schema_text import Schema
from lineside.api.schemas import ErrorBody

API_VERSION = "1"  # of what is described; of the program nothing is told, for the document is open to all
ABOUT = """Engines, models, services, readings, calls and the desk of one lineside.

Where `API_KEYS` is set, every request but for this document needs one of its keys, as `Authorization: Bearer KEY` or
`X-API-Key: KEY`. What cannot be done is answered with `{"error": {"code", "message"}}`: the code is fixed, the message
says what to do."""


def schemas_of(operations: Sequence[Operation]) -> tuple[dict[Any, Schema], dict[str, Schema]]:
    """The schema of every type that the operations speak of, and the components that those refer to."""
    types = dict.fromkeys([ErrorBody, *(t for o in operations for t in (o.answer, o.takes, o.query) if t is not None)])
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    return dict(zip(types, schemas, strict=True)), components


def document(operations: Sequence[Operation], base: str = "") -> dict[str, Any]:
    """The whole document; `base` is the path below which the operations stand."""
    schemas, components = schemas_of(operations)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schemas, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "lineside", "version": API_VERSION, "description": ABOUT},
        "servers": [{"url": base or "/"}],
        "security": [{}, {"bearer": []}, {"key": []}],
        "tags": [{"name": name} for name in dict.fromkeys(operation.group for operation in operations)],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


def _operation(operation: Operation, schemas: dict[Any, Schema], components: dict[str, Schema]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.group],
        "summary": operation.summary,
        "responses": {str(status): _response(operation, status, schemas) for status in operation.statuses},
    }
    if parameters := [*_named(operation), *_query(operation, schemas, components)]:
        described["parameters"] = parameters
    if operation.takes is not None:
        body: dict[str, Any] = {"schema": schemas[operation.takes]}
        if operation.example is not None:
            body["example"] = operation.example
        described["requestBody"] = {"required": not operation.may_be_bare, "content": {"application/json": body}}
    return described


def _response(operation: Operation, status: int, schemas: dict[Any, Schema]) -> dict[str, Any]:
    if operation.streams in ("csv", "flac", "wav") and status in (200, 206):
        return {"description": STATUS[status], "content": {operation.media: {"schema": {"type": "string"}}}}
    if status == 416:
        return {"description": STATUS[status]}
    if status != 200:
        return {"description": STATUS[status], "content": {"application/json": {"schema": schemas[ErrorBody]}}}
    if not operation.streams:
        return {"description": STATUS[200], "content": {operation.media: {"schema": schemas[operation.answer]}}}
    item = schemas[operation.answer]
    if operation.streams == "ndjson":
        # OpenAPI 3.1 has no word for the lines of a stream; `itemSchema` is that of 3.2.
        lines = {"schema": {"type": "string"}, "x-itemSchema": item}
        return {"description": "A JSON object a line, as in x-itemSchema.", "content": {operation.media: lines}}
    data = {"type": "string", "contentMediaType": "application/json", "contentSchema": item}
    event = {"type": "object", "properties": {"data": data}, "required": ["data"]}
    return {"description": "Server-sent events.", "content": {operation.media: {"schema": event}}}


def _named(operation: Operation) -> list[dict[str, Any]]:
    schema = {"type": "string", "minLength": 1}
    return [
        {"name": name, "in": "path", "required": True, "schema": schema, "example": example}
        for name, example in operation.named.items()
    ]


def _query(operation: Operation, schemas: dict[Any, Schema], components: dict[str, Schema]) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    whole = components[schemas[operation.query]["$ref"].rpartition("/")[2]]
    return [
        {"name": name, "in": "query", "required": name in whole.get("required", ()), "schema": schema}
        for name, schema in whole["properties"].items()
    ]
