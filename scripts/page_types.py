"""Writes page/src/schema.ts, the page's types, from the call's schema and the control API's shapes.

python scripts/page_types.py          writes the file
python scripts/page_types.py --check  fails if the file is not what the schema says
"""

import inspect
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect as looked

from lineside import protocol
from lineside.api.operations import OPERATIONS

FILE = Path(__file__).parents[1] / "page" / "src" / "schema.ts"
HEAD = "// Written by scripts/page_types.py from protocol.py and the shapes of the control API. Do not edit.\n"
# Those that a browser or TypeScript has of its own.
NAMES = {
    "Error": "CallError",
    "Text": "TypedText",
    "Partial": "PartialText",
}
SAID = (
    protocol.FirstMessage,
    protocol.Text,
    protocol.Dtmf,
    protocol.HangUp,
)  # by the page: what has a default may be left out

WIDTH = 110  # characters of a line, as in page/biome.json

# Types that are the same word for every value of a kind.
WORDS: dict[type[looked.Type], str] = {
    looked.StrType: "string",
    looked.IntType: "number",
    looked.FloatType: "number",
    looked.BoolType: "boolean",
    looked.NoneType: "null",
    looked.AnyType: "unknown",
}


def written() -> str:
    """The whole file."""
    kinds: dict[str, str] = {}
    for kind in SAID:
        _struct(looked.type_info(kind), kinds, sent=True)
    for kind in protocol.ServerMessage.__args__:
        _struct(looked.type_info(kind), kinds, sent=False)
    for operation in OPERATIONS:
        if operation.takes is not None:
            _word(looked.type_info(operation.takes), kinds, sent=True)
        if operation.answer is not None and operation.answer is not protocol.ServerMessage:
            _word(looked.type_info(operation.answer), kinds, sent=False)
    messages = [_name(kind) for kind in protocol.ServerMessage.__args__]
    union = "export type ServerMessage =" + "".join(f"\n  | {name}" for name in messages) + ";\n"
    return "\n".join([HEAD, *kinds.values(), union])


def _name(kind: type) -> str:
    return NAMES.get(kind.__name__, kind.__name__)


def _struct(info: Any, kinds: dict[str, str], *, sent: bool) -> str:
    name = _name(info.cls)
    if name in kinds:
        return name
    kinds[name] = ""  # its place, before those that it names
    lines = [f"  {info.tag_field}: {_literal(info.tag)};"] if info.tag else []
    for field in info.fields:
        may_lack = sent and not field.required
        word = _word(field.type, kinds, sent=sent)
        line = f"  {field.encode_name}{'?' if may_lack else ''}: {word};"
        if len(line) > WIDTH and " | " in word:  # as the page's formatter has it
            line = line.replace(f": {word}", ":\n    | " + word.replace(" | ", "\n    | "))
        lines.append(line)
    about = (inspect.getdoc(info.cls) or "").partition("\n")[0]
    kinds[name] = f"/** {about} */\nexport interface {name} {{\n" + "".join(f"{line}\n" for line in lines) + "}\n"
    return name


def _word(info: looked.Type, kinds: dict[str, str], *, sent: bool) -> str:
    """How TypeScript says it."""
    ways: dict[type, Callable[[Any], str]] = {
        looked.Metadata: lambda it: _word(it.type, kinds, sent=sent),
        looked.StructType: lambda it: _struct(it, kinds, sent=sent),
        looked.LiteralType: lambda it: " | ".join(map(_literal, it.values)),
        looked.ListType: lambda it: _many(it.item_type, kinds, sent=sent),
        looked.VarTupleType: lambda it: _many(it.item_type, kinds, sent=sent),
        looked.DictType: lambda it: f"Record<string, {_word(it.value_type, kinds, sent=sent)}>",
        looked.UnionType: lambda it: _union(it, kinds, sent=sent),
    }
    if type(info) in WORDS:
        return WORDS[type(info)]
    if type(info) not in ways:
        raise LookupError(f"no word of TypeScript is known for {info}")
    return ways[type(info)](info)


def _many(info: looked.Type, kinds: dict[str, str], *, sent: bool) -> str:
    word = _word(info, kinds, sent=sent)
    return f"({word})[]" if " " in word else f"{word}[]"


def _union(info: Any, kinds: dict[str, str], *, sent: bool) -> str:
    some = [each for each in info.types if not _unset(each)]
    return " | ".join(_word(each, kinds, sent=sent) for each in some)


def _unset(info: looked.Type) -> bool:
    return isinstance(info, looked.CustomType) and info.cls is msgspec.UnsetType


def _literal(value: object) -> str:
    return re.sub(r'^"|"$', "'", json.dumps(value))


if __name__ == "__main__":
    if "--check" in sys.argv:
        there = FILE.read_text() if FILE.exists() else ""
        sys.exit(
            0 if there == written() else "page/src/schema.ts is not what the schema says: python scripts/page_types.py"
        )
    FILE.write_text(written())
