"""JSON schemas in words: for what is refused, for the page of the API and for its document."""

from typing import Any

from msgspec import Struct

KINDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}

Schema = dict[str, Any]


class Field(Struct, frozen=True):
    """One field of an object."""

    name: str
    kind: str
    about: str
    required: bool
    default: Any = None


def fields(schema: Schema, components: dict[str, Schema]) -> list[Field]:
    """The fields of an object's schema."""
    whole = _target(schema, components)
    required = whole.get("required", ())
    return [
        Field(name, kind(one), _about(one), name in required, one.get("default"))
        for name, one in whole.get("properties", {}).items()
    ]


def kind(schema: Schema) -> str:
    """What may stand there."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(kind(one) for one in schema["anyOf"])
    if "enum" in schema:
        return "one of " + ", ".join(str(one) for one in schema["enum"])
    if schema.get("type") == "array":
        return f"a list of {kind(schema.get('items', {}))}"
    if schema.get("type") == "object":
        return "an object"
    return KINDS.get(schema.get("type", ""), "anything") + _limits(schema)


def allowed(schema: Schema, components: dict[str, Schema]) -> str:
    """All that an object may hold, as the end of a sentence."""
    listed = fields(schema, components)
    return "; ".join(f"{field.name} ({field.kind}{', needed' if field.required else ''})" for field in listed)


def _limits(schema: Schema) -> str:
    least, most = schema.get("minLength"), schema.get("maxLength")
    if most is not None:
        return f" of {least or 0} to {most} characters"
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        return f" from {least} to {most}"
    return "" if least is None else f", at least {least}"


def _about(schema: Schema) -> str:
    return str(schema.get("description", "")) if "$ref" not in schema else ""


def _target(schema: Schema, components: dict[str, Schema]) -> Schema:
    return components[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
