"""`/docs`: the control API on one page, made here, with no script and nothing from elsewhere."""

import base64
import hashlib
from collections.abc import Sequence
from html import escape

from lineside.api.openapi import schemas_of
from lineside.api.operation import STATUS, Operation
from lineside.api.schema_text import Schema, fields

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #1b1f24; background: #fff }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #c9d1d9 }
details { margin: .5rem 0; border: 1px solid #c9d1d9; border-radius: 6px; padding: .4rem .8rem }
summary { cursor: pointer }
code, pre { font: 14px/1.5 ui-monospace, monospace }
pre { background: #f3f5f7; padding: .6rem; overflow-x: auto; border-radius: 6px }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid #e3e7eb }
@media (prefers-color-scheme: dark) {
  body { color: #e6e9ec; background: #14171a }
  pre { background: #22272c }
  a { color: #8ab8ff }
}
"""
POLICY = "; ".join(
    (
        "default-src 'none'",
        f"style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


def page(operations: Sequence[Operation]) -> str:
    """The page."""
    schemas, components = schemas_of(operations)
    groups = dict.fromkeys(operation.group for operation in operations)
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>lineside: the control API</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{STYLE}</style></head><body><main><h1>The control API</h1>",
        "<p>Where API_KEYS is set, add <code>-H 'Authorization: Bearer KEY'</code>. "
        'For programs: <a href="openapi.json">openapi.json</a>.</p>',
    ]
    for group in groups:
        parts.append(f"<h2>{escape(group)}</h2>")
        parts += [_operation(one, schemas, components) for one in operations if one.group == group]
    parts.append("<h2>Shapes</h2>")
    parts += [_shape(name, components) for name in components]
    return "".join([*parts, "</main></body></html>"])


def _operation(operation: Operation, schemas: dict[object, Schema], components: dict[str, Schema]) -> str:
    parts = [f"<pre>{escape(operation.curl)}</pre>"]
    for title, shape in (("Body", operation.takes), ("Query", operation.query)):
        if shape is not None:
            parts.append(f"<h3>{title}</h3>{_table(schemas[shape], components)}")
    shape = f": {_link(schemas[operation.answer])}" if operation.answer is not None else ""
    parts.append(f"<h3>Answers</h3><p>200 {escape(operation.media)}{shape}</p><ul>")
    parts += [f"<li>{status}: {escape(STATUS[status])}</li>" for status in operation.statuses if status != 200]
    head = f"<code>{operation.method} {escape(operation.path)}</code> {escape(operation.summary)}"
    return f'<details id="{operation.name}"><summary>{head}</summary>{"".join(parts)}</ul></details>'


def _shape(name: str, components: dict[str, Schema]) -> str:
    schema = components[name]
    about = escape(schema.get("description", ""))
    return f'<details id="{name}"><summary><code>{name}</code> {about}</summary>{_table(schema, components)}</details>'


def _table(schema: Schema, components: dict[str, Schema]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(field.name)}</code></td><td>{escape(field.kind)}</td>"
        f"<td>{'needed' if field.required else ''}</td><td>{escape(field.about)}</td></tr>"
        for field in fields(schema, components)
    )
    return f"<table><tbody>{rows}</tbody></table>" if rows else ""


def _link(schema: Schema) -> str:
    shapes = schema.get("anyOf", [schema])
    names = [str(shape["$ref"]).rpartition("/")[2] for shape in shapes if "$ref" in shape]
    return ", ".join(f'<a href="#{name}">{name}</a>' for name in names)
