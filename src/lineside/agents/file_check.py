"""An agent's file, proven whole: every mistake with its line, and what an operator should think about. Pure."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Literal

import msgspec
from msgspec import Struct, inspect

from lineside.agents.agent import Agent
from lineside.agents.consistency import Mistake, mistakes, mistakes_of_python_tools
from lineside.agents.declared import Limits, Slot, Task, Tool
from lineside.errors import ConfigError

_ENVIRONMENT = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")
_MACHINE = re.compile(
    r"\b(?:automat\w*|machine|robot|bot|virtual|digital assistant|computer|artificial|AI)\b", re.IGNORECASE
)
_UNKNOWN = re.compile(r"unknown field `([^`]*)`")
_MISSING = re.compile(r"missing required field `([^`]*)`")
_PATH = re.compile(r" - at `\$\.?([^`]*)`")
_KIND = re.compile(r"`([a-z| ]+)`")
_KINDS = {
    "object": "a table",
    "array": "a list",
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
}
_STEP = re.compile(r"[A-Za-z_]\w*|\[[^\]]*\]")
_PARTS: dict[str, type[Struct]] = {"slots": Slot, "tools": Tool, "tasks": Task}


class Remark(Struct, frozen=True):
    """Something found in a file."""

    line: int  # from 1; 0: nowhere in particular
    what: str
    kind: Literal["mistake", "advice"] = "mistake"


def check_agent_file(
    text: str, environment: Mapping[str, str], read: Callable[[str], str] | None = None
) -> list[Remark]:
    """All that is wrong with the text of an agent's file, by line, then advice.

    `read`: the text of a file in the same folder, by its relative path; None: files of Python tools are not looked at.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        found = re.search(r"line (\d+)", str(wrong))
        at = int(found[1]) if found else text.count("\n") + 1
        return [Remark(at, f"this is no TOML: {re.sub(r' [(]at .*', '', str(wrong))}")]
    except (ValueError, RecursionError) as wrong:  # a number of thousands of digits, or lists in lists without end
        return [Remark(0, f"this TOML cannot be read: {str(wrong).partition(';')[0]}")]
    lines = Lines(text)
    remarks = [Remark(lines.of(each.where), _words(each)) for each in _mistakes(raw, read)]
    remarks += [Remark(lines.of(each.where), _words(each), "advice") for each in _advice(raw, environment)]
    return sorted(remarks, key=lambda remark: (remark.kind == "advice", remark.line))


def _words(mistake: Mistake) -> str:
    """The place and what is wrong there; a sentence that begins with its place says it once."""
    place = ".".join(mistake.where)
    return mistake.what if not place or mistake.what.startswith(place) else f"{place}: {mistake.what}"


def _mistakes(raw: dict[str, Any], read: Callable[[str], str] | None) -> Iterator[Mistake]:
    parts: dict[str, dict[str, Any]] = {"slots": {}, "tools": {}, "tasks": {}}
    rest = dict(raw)
    sound = True
    for part, kind in _PARTS.items():
        given = rest.pop(part, {})
        if not isinstance(given, dict):
            yield Mistake((part,), f"write [{part}.a_name]")
            continue
        for name, entry in given.items():
            try:
                parts[part][name] = msgspec.convert(entry, kind)
            except msgspec.ValidationError as wrong:
                sound = False
                yield _read((part, name), str(wrong), kind)
    limits = Limits()
    try:
        agent = msgspec.convert(rest, Agent)
        limits = agent.limits
        agent.check()
    except msgspec.ValidationError as wrong:
        yield _read((), str(wrong), Agent)
    except ConfigError as wrong:
        yield Mistake((str(wrong).split(":", 1)[0].split(" ", 1)[0],), str(wrong))
    if sound:  # else what is missing was declared, and wrongly
        yield from mistakes(parts["slots"], parts["tools"], parts["tasks"], limits)
        if read is not None:
            yield from mistakes_of_python_tools(parts["tools"], read)


def _read(where: tuple[str, ...], said: str, kind: type[Struct]) -> Mistake:
    """The library's sentence, with the place that it names, and what may stand there."""
    path = _PATH.search(said)
    inside = tuple(re.findall(r"[A-Za-z_]\w*|\d+", path[1])) if path else ()
    named = _UNKNOWN.search(said)
    missing = _MISSING.search(said)
    words, known = _PATH.sub("", said), _known_at(kind, path[1] if path else "")
    if named:
        near = get_close_matches(named[1], known, 1)
        meant = f"; did you mean {near[0]}?" if near else ""
        return Mistake((*where, *inside, named[1]), f"there is no such key{meant}")
    if missing:
        return Mistake((*where, *inside), f"{missing[1]} is missing")
    if words.startswith("Invalid enum value") and known:
        return Mistake((*where, *inside), f"there is no {words.split(' ', 3)[3]}; known are {', '.join(known)}")
    return Mistake((*where, *inside), _KIND.sub(_kinds, words))


def _kinds(named: re.Match[str]) -> str:
    """ "`object`": a table, as TOML calls it."""
    return " or ".join(_KINDS.get(name, name) for name in named[1].split(" | ") if name != "null")


def _known_at(kind: type[Struct], path: str) -> list[str]:
    """The keys, or the words, that may stand at this place of what is declared."""
    here: Sequence[inspect.Type] = [inspect.type_info(kind)]
    for step in _STEP.findall(path):
        here = [inner for one in _alternatives(here) for inner in _inside(one, step)]
    known: list[str] = []
    for one in _alternatives(here):
        match one:
            case inspect.StructType():
                known += [field.encode_name for field in one.fields]
            case inspect.LiteralType():
                known += map(str, one.values)
    return known


def _alternatives(types: Sequence[inspect.Type]) -> list[inspect.Type]:
    return [one for each in types for one in (each.types if isinstance(each, inspect.UnionType) else (each,))]


def _inside(one: inspect.Type, step: str) -> list[inspect.Type]:
    match one:
        case inspect.StructType():
            return [field.type for field in one.fields if field.encode_name == step]
        case inspect.DictType():
            return [one.value_type]
        case inspect.CollectionType():
            return [one.item_type]
    return []


def _advice(raw: dict[str, Any], environment: Mapping[str, str]) -> Iterator[Mistake]:
    """What is allowed and probably not wanted."""
    greeting = raw.get("greeting", "")
    if isinstance(greeting, str) and greeting and not _MACHINE.search(greeting):
        yield Mistake(
            ("greeting",), "does not say that a machine answers; in some countries it must (EU AI Act, article 50)"
        )
    tools = raw.get("tools", {})
    for name, tool in tools.items() if isinstance(tools, dict) else ():
        if not isinstance(tool, dict):
            continue
        headers = tool.get("headers", {})
        texts = [("http", tool.get("http", "")), ("mcp", tool.get("mcp", ""))]
        texts += [("headers", value) for value in (headers.values() if isinstance(headers, dict) else ())]
        for key, value in texts:
            for variable in _ENVIRONMENT.findall(str(value)):
                if not environment.get(variable) and variable != "DEMO_BACKEND_URL":
                    yield Mistake(("tools", name, key), f"{variable} is not set in this environment")
        named = tool.get("environment", [])
        for variable in named if isinstance(named, list) else ():
            if not environment.get(str(variable)):
                yield Mistake(("tools", name, "environment"), f"{variable} is not set in this environment")


class Lines:
    """Where the keys of a TOML text stand."""

    def __init__(self, text: str) -> None:
        self._at: dict[tuple[str, ...], int] = {}
        table: tuple[str, ...] = ()
        arrays: dict[tuple[str, ...], int] = {}
        for number, line in enumerate(text.splitlines(), 1):
            if header := re.match(r"\s*(\[\[?)\s*([^\]]+?)\s*\]", line):
                table = _keys(header[2])
                if header[1] == "[[":
                    arrays[table] = arrays.get(table, -1) + 1
                    table = (*table, str(arrays[table]))
                for size in range(1, len(table) + 1):
                    self._at.setdefault(table[:size], number)
            elif key := re.match(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"))*)\s*=""", line):
                here = (*table, *_keys(key[1]))
                for size in range(len(table) + 1, len(here) + 1):
                    self._at.setdefault(here[:size], number)

    def of(self, where: tuple[str, ...]) -> int:
        """The line of this key, or of the nearest thing around it."""
        for size in range(len(where), 0, -1):
            if where[:size] in self._at:
                return self._at[where[:size]]
        return 0


def _keys(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(r"""[\w-]+|"[^"]*"|'[^']*'""", dotted))
