"""Writes docs/api.md from the table of operations (`src/lineside/api/operations.py`).

python scripts/api.py          writes the page
python scripts/api.py --check  fails if the page is not what the table says
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lineside.api.openapi import schemas_of
from lineside.api.operation import STATUS, Operation
from lineside.api.operations import OPERATIONS
from lineside.api.schema_text import Schema, fields

PAGE = Path(__file__).parents[1] / "docs" / "api.md"

HEAD = """# The control API

Written from `src/lineside/api/operations.py` by `scripts/api.py`; a test keeps the two alike, and runs every line with
`curl`. A running lineside shows the same at `/docs`, and as OpenAPI 3.1 at `/openapi.json`.

The API is at the page's own port. Where `API_KEYS` is set, add `-H 'Authorization: Bearer KEY'`. What cannot be done is
answered with `{"error": {"code": "...", "message": "..."}}`: the code is fixed, for programs; the message says what to
do. Models and engines are looked up by their names; an unknown name is 404 with the known ones. A stream ends after an
hour at the latest; what it tells of goes on, and who asks again joins it where it is.

Two questions beside the API need no key. `GET /health` is 200 while the process answers, 503 while it closes, and says
what it does. `GET /ready` is 200 with `{"status": "ready", "reasons": []}` while calls can be taken, and else 503 with
`not_ready` and the reasons: the gateway closes, no worker takes calls, background work or the records fail, in a worker
too. A full gateway is ready.
"""

PIECES = {
    "": "",
    "ndjson": ", one a line, as it comes",
    "sse": ", server-sent events",
    "csv": "a table, `text/csv`",
    "flac": "a file, `audio/flac`",
    "wav": "a file, `audio/wav`",
}


def page() -> str:
    """The whole page."""
    schemas, components = schemas_of(OPERATIONS)
    parts = [HEAD]
    for group in dict.fromkeys(operation.group for operation in OPERATIONS):
        parts.append(f"\n## {group}\n")
        parts += [_section(one, schemas, components) for one in OPERATIONS if one.group == group]
    parts.append("\n## What the statuses mean\n\n| status | |\n| --- | --- |\n")
    parts += [f"| {status} | {about} |\n" for status, about in STATUS.items()]
    parts.append("\n## Shapes\n")
    parts += [_shape(name, components) for name in sorted(_shown(schemas, components))]
    return "".join(parts)


def _section(operation: Operation, schemas: dict[Any, Schema], components: dict[str, Schema]) -> str:
    statuses = ", ".join(str(status) for status in operation.statuses if status != 200)
    pieces = PIECES[operation.streams]
    answer = ""
    if operation.answer is not None:
        answer = " or ".join(_links(schemas[operation.answer])) or "an object"
    told = [f"\n### `{operation.method} {operation.path}`\n\n{operation.summary}\n\n```sh\n{operation.curl}\n```\n"]
    for title, shape in (("Body", operation.takes), ("Query", operation.query)):
        if shape is not None:
            told.append(f"\n{title}:\n\n{_table(schemas[shape], components)}")
    told.append(f"\nAnswer: {answer}{pieces}. Refusals: {statuses}.\n")
    return "".join(told)


def _shape(name: str, components: dict[str, Schema]) -> str:
    about = components[name].get("description", "")
    return f"\n### {name}\n\n{about}\n\n{_table(components[name], components)}"


def _table(schema: Schema, components: dict[str, Schema]) -> str:
    rows = [
        f"| `{field.name}` | {field.kind.replace('|', '/')} | {'needed' if field.required else ''} | {field.about} |\n"
        for field in fields(schema, components)
    ]
    return "".join(["| field | what | | |\n| --- | --- | --- | --- |\n", *rows]) if rows else ""


def _links(schema: Schema) -> Sequence[str]:
    names = [str(one["$ref"]).rpartition("/")[2] for one in schema.get("anyOf", [schema]) if "$ref" in one]
    # The events of a call have a page of their own.
    return [f"[{name}](#{name.lower()})" for name in names] if len(names) == 1 else ["[the events](protocol.md)"]


def _shown(schemas: dict[Any, Schema], components: dict[str, Schema]) -> set[str]:
    """All shapes but the events, which docs/protocol.md explains."""
    events = {str(one["$ref"]).rpartition("/")[2] for schema in schemas.values() for one in schema.get("anyOf", ())}
    return set(components) - events


if __name__ == "__main__":
    if "--check" not in sys.argv:
        PAGE.write_text(page(), "utf-8")
    elif not PAGE.exists() or PAGE.read_text("utf-8") != page():
        sys.exit("docs/api.md is not what the table says: python scripts/api.py")
