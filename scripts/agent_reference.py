"""The page of an agent's file: every field with its type, default and meaning, from the classes that read it."""

import ast
import inspect
import tokenize
from collections.abc import Iterator
from io import StringIO
from typing import Any

import msgspec
from msgspec import inspect as types

from lineside.agents import agent as agent_module
from lineside.agents import declared
from lineside.agents.agent import Agent
from lineside.agents.declared import Condition, Failure, Limits, Slot, Takes, Task, TaskStep, Tool

TABLES = (
    (agent_module, Agent, "The agent", "At the top of the file."),
    (agent_module, agent_module.VerbatimAnswer, "[[answers]]", ""),
    (agent_module, agent_module.Example, "[[examples]]", ""),
    (declared, Slot, "[slots.NAME]", ""),
    (declared, Tool, "[tools.NAME]", ""),
    (declared, Takes, "An argument in `takes`", ""),
    (declared, Task, "[tasks.NAME]", ""),
    (declared, TaskStep, "A step in `steps`", ""),
    (declared, Condition, "A condition in `if` of a step", ""),
    (declared, Failure, "A failure in `if` of a task", ""),
    (declared, Limits, "[limits]", ""),
)

HEAD = "| field | type | default | meaning |\n| --- | --- | --- | --- |\n"


def tables() -> Iterator[str]:
    """A heading and a table for each part of the file."""
    for module, struct, title, more in TABLES:
        about = (struct.__doc__ or "").strip().partition("\n")[0]
        shown = f"`{title}`" if title.startswith("[") else title
        yield f"\n## {shown}\n\n{f'{about} {more}'.strip()}\n\n{HEAD}"
        meanings = _comments(inspect.getsource(module), struct.__name__)
        for field in _fields(struct):
            meaning = meanings[field.name].replace("|", "\\|")
            yield f"| `{field.encode_name}` | {_kind(field.type)} | {_default(field)} | {meaning} |\n"


def _fields(struct: type) -> tuple[types.Field, ...]:
    kind = types.type_info(struct)
    assert isinstance(kind, types.StructType)  # noqa: S101 - of the table above
    return kind.fields


def _comments(source: str, name: str) -> dict[str, str]:
    """What stands behind each field of a class, or above it, as a comment. Raises `KeyError` for who has none."""
    lines = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    [found] = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == name]
    return {
        node.target.id: " ".join(told)
        for node in found.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        if (told := [lines[at] for at in range(node.lineno, (node.end_lineno or node.lineno) + 1) if at in lines])
    }


def _kind(kind: types.Type) -> str:
    """A type in a few words, with its limits."""
    match kind:
        case types.UnionType(types=several):
            return " or ".join(_kind(one) for one in several if not isinstance(one, types.NoneType))
        case types.LiteralType(values=values):
            return ", ".join(f"`{value}`" for value in values if value != "")
        case types.StrType(max_length=most, pattern=pattern):
            limits = [f"at most {most:,} characters"] if most else []
            limits += [f"`{pattern}`".replace("|", "\\|")] if pattern else []
            return ", ".join(["text", *limits])
        case types.IntType() | types.FloatType():
            return _number(kind)
        case types.BoolType():
            return "`true`, `false`"
        case types.VarTupleType(item_type=item, max_length=most):
            return f"list of {_kind(item)}{f', at most {most}' if most else ''}"
        case types.DictType(value_type=value):
            return f"table: name → {_kind(value)}"
        case types.StructType(cls=cls):
            return _link(cls)
    raise TypeError(f"no words for {kind}")


def _number(kind: types.IntType | types.FloatType) -> str:
    name = "whole number" if isinstance(kind, types.IntType) else "number"
    least = f"{kind.ge}" if kind.ge is not None else f"over {kind.gt}" if kind.gt is not None else ""
    most = f"{kind.le}" if kind.le is not None else ""
    return f"{least} to {most}" if least and most else name


def _link(cls: type) -> str:
    [title] = [title for _, struct, title, _ in TABLES if struct is cls]
    anchor = (
        "".join(sign for sign in title.lower() if sign.isalnum() or sign in " -_.").replace(" ", "-").replace(".", "")
    )
    shown = title.replace("[", "").replace("]", "").replace("`", "")
    return f"[{shown}](#{anchor})"


def _default(field: types.Field) -> str:
    if field.required:
        return "required"
    value: Any = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    if value in (None, "", (), {}) or isinstance(value, msgspec.Struct):
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text}`"
