"""Whether the parts of an agent's file fit together: every name is declared, every place in a sentence has a value."""

import re
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import urlsplit

from msgspec import Struct

from lineside.agents.declared import LIMIT, Limits, Slot, Task, Tool
from lineside.agents.templates import places
from lineside.agents.tools.python_source import file_and_function, source_mistakes
from lineside.errors import ConfigError

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_HTTP = re.compile(r"(?P<method>[A-Z]+) (?P<url>(?:https?://|\$\{[A-Z][A-Z0-9_]*\})\S+)")
_SERVER = re.compile(r"(?:https?://|\$\{[A-Z][A-Z0-9_]*\})\S*")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token of RFC 9110
_STATUS = re.compile(r"[2-5][0-9]{2}")
_ENVIRONMENT = re.compile(r"\$\{[^}]*\}")


class Mistake(Struct, frozen=True):
    """Something in an agent's file that cannot be meant."""

    where: tuple[str, ...]  # keys from the top of the file: ("tasks", "visit", "does")
    what: str

    def __str__(self) -> str:
        return f"{'.'.join(self.where)}: {self.what}"


def check_consistency(
    slots: Mapping[str, Slot], tools: Mapping[str, Tool], tasks: Mapping[str, Task], limits: Limits
) -> None:
    """Raises `ConfigError` naming the first mistakes."""
    found = list(mistakes(slots, tools, tasks, limits))
    if found:
        more = f" (and {len(found) - 3} more)" if len(found) > 3 else ""
        raise ConfigError("; ".join(str(each) for each in found[:3]) + more)


def mistakes(
    slots: Mapping[str, Slot], tools: Mapping[str, Tool], tasks: Mapping[str, Task], limits: Limits
) -> Iterator[Mistake]:
    """All that do not fit, in the order of the file's parts."""
    for name, slot in slots.items():
        yield from _slot(("slots", name), slot)
    for name, tool in tools.items():
        yield from _tool(("tools", name), tool, slots)
    for name, task in tasks.items():
        yield from _task(("tasks", name), task, slots, tools)
    for pattern in limits.never_say:
        yield from _pattern(("limits", "never_say"), pattern)


def _slot(where: tuple[str, ...], slot: Slot) -> Iterator[Mistake]:
    if slot.kind == "choice" and len(slot.options) < 2:
        yield Mistake((*where, "options"), "a choice needs at least two options")
    if slot.options and slot.kind != "choice":
        yield Mistake((*where, "options"), f'only kind = "choice" has options, this is "{slot.kind}"')
    if slot.length is not None and slot.kind not in {"digits", "spelled"}:
        yield Mistake((*where, "length"), f'only digits and spelled codes have a length, this is "{slot.kind}"')
    if slot.check and slot.kind != "digits":
        yield Mistake((*where, "check"), "only digits have a checksum")
    if slot.secret and slot.kind != "digits":
        yield Mistake((*where, "secret"), 'a secret is keyed in, so it must be kind = "digits"')
    if slot.least is not None and slot.most is not None and slot.least > slot.most:
        yield Mistake((*where, "least"), f"{slot.least:g} is more than most = {slot.most:g}")
    if not slot.asks.strip():
        yield Mistake((*where, "asks"), "the question is empty")
    yield from _pattern((*where, "pattern"), slot.pattern)


def _tool(where: tuple[str, ...], tool: Tool, slots: Mapping[str, Slot]) -> Iterator[Mistake]:
    yield from _what_it_calls(where, tool)
    yield from _headers(where, tool)
    for name, takes in tool.takes.items():
        if name not in slots and not takes.about:
            yield Mistake((*where, "takes", name), f"there is no slot {name}; declare it, or say about what it is")
    for name in sorted(places(tool.confirm) - tool.takes.keys()):
        yield Mistake((*where, "confirm"), f"{{{name}}} is nothing that the tool takes")
    if tool.writes and tool.confirm and not tool.confirm.rstrip().endswith("?"):
        yield Mistake((*where, "confirm"), "the read-back must end in a question, such as: Shall I book it?")
    if tool.writes and not tool.confirm and (not tool.http or tool.http.partition(" ")[0] in METHODS):
        yield Mistake((*where, "confirm"), "a tool that writes needs a read-back with its values, ending in a question")
    for secret in sorted(name for name in places(tool.confirm) if name in slots and slots[name].secret):
        yield Mistake((*where, "confirm"), f"{{{secret}}} is secret and cannot be read back")
    for pattern in tool.claims:
        yield from _pattern((*where, "claims"), pattern)


def _what_it_calls(where: tuple[str, ...], tool: Tool) -> Iterator[Mistake]:
    if sum(map(bool, (tool.http, tool.python, tool.mcp, tool.client))) != 1:
        known = (
            'http, such as "GET https://host/path", python, "tools/a_file.py:a_function", mcp, a server\'s address, '
            "or client = true"
        )
        yield Mistake(where, f"give one of {known}")
        return
    unfit: dict[str, object] = {"remote": tool.remote, "schema": tool.schema} if not tool.mcp else {}
    if tool.http:
        yield from _http((*where, "http"), tool)
        unfit["environment"] = tool.environment
    elif tool.python:
        try:
            file_and_function(tool.python)
        except ValueError as wrong:
            yield Mistake((*where, "python"), str(wrong))
        unfit |= {"headers": tool.headers, "private": tool.private}
    elif tool.client:
        unfit |= {"headers": tool.headers, "private": tool.private, "environment": tool.environment}
    else:
        yield from _mcp(where, tool)
        command = isinstance(tool.mcp, tuple)
        unfit = {"headers": tool.headers, "private": tool.private} if command else {"environment": tool.environment}
    for key in (key for key, value in unfit.items() if value):
        yield Mistake((*where, key), f"is not for {_kind(tool)}")


def _kind(tool: Tool) -> str:
    """What runs it, in the file's words."""
    if tool.mcp:
        return "mcp with " + ("a command" if isinstance(tool.mcp, tuple) else "an address")
    return "http" if tool.http else "python" if tool.python else "client = true"


def _mcp(where: tuple[str, ...], tool: Tool) -> Iterator[Mistake]:
    if isinstance(tool.mcp, str) and not _SERVER.fullmatch(tool.mcp):
        yield Mistake(
            (*where, "mcp"), f'"{tool.mcp}" is no address; write "https://host/mcp", or a command in brackets'
        )
    if not tool.schema:
        yield Mistake(where, "a server's tool needs its schema, as it was looked at; lineside mcp tells what to write")


def _http(where: tuple[str, ...], tool: Tool) -> Iterator[Mistake]:
    found = _HTTP.fullmatch(tool.http)
    if not found or found["method"] not in METHODS:
        yield Mistake(where, f'"{tool.http}" cannot be read; write "GET https://host/path/{{argument}}"')
        return
    address = _ENVIRONMENT.sub("", found["url"])
    yield from (Mistake(where, what) for what in _unfit_host(found["url"]))
    for key in (key for key in tool.fails if not _STATUS.fullmatch(key)):
        yield Mistake((*where[:-1], "fails", key), f'"{key}" is no status of HTTP; write one such as 404')
    for name in sorted(places(address) - tool.takes.keys()):
        yield Mistake(where, f"{{{name}}} is nothing that the tool takes")
    host = address.partition("://")[2].partition("/")[0]
    if places(host):
        yield Mistake(where, "the host must not come from a caller: no argument may stand in it")
    if found["method"] == "GET" and tool.effect == "writes":
        return
    if found["method"] in {"PUT", "PATCH", "DELETE"} and tool.effect == "reads":
        yield Mistake(where, f'{found["method"]} changes something; effect = "reads" cannot be right')


def _unfit_host(url: str) -> Iterator[str]:
    """What is wrong with the host of an address that the file has itself."""
    if "$" in url.partition("://")[2].partition("/")[0] or url.startswith("$"):
        return
    try:
        parts = urlsplit(url)
        if not parts.hostname or parts.port == 0 or ".." in parts.hostname:
            yield "it names no host and port"
    except ValueError as wrong:
        yield f"its host cannot be read: {wrong}"


def _headers(where: tuple[str, ...], tool: Tool) -> Iterator[Mistake]:
    for name, value in tool.headers.items():
        if not _HEADER.fullmatch(name):
            yield Mistake((*where, "headers"), f'"{name}" is no name of a header, such as Authorization')
        if not value.isprintable():
            yield Mistake((*where, "headers"), f"{name} has a line break or a control character")


def _task(
    where: tuple[str, ...], task: Task, slots: Mapping[str, Slot], tools: Mapping[str, Tool]
) -> Iterator[Mistake]:
    if task.steps and (task.needs or task.does or task.says):
        yield Mistake((*where, "steps"), "give either steps or needs, does and says")
    known: set[str] = set()
    for index, step in enumerate(task.all_steps):
        here = (*where, "steps", str(index)) if task.steps else where
        for name in step.needs:
            if name not in slots:
                yield Mistake((*here, "needs"), f"there is no slot {name}; known are {_list(slots)}")
        known |= set(step.needs)
        if step.when is not None and step.when.of not in known:
            yield Mistake((*here, "if"), f"{step.when.of} is not known at this step")
        if step.does and step.does not in tools:
            yield Mistake((*here, "does"), f"there is no tool {step.does}; known are {_list(tools)}")
        elif step.does:
            lacking = sorted(tools[step.does].takes.keys() - known)
            if lacking:
                yield Mistake((*here, "does"), f"{step.does} takes {', '.join(lacking)}, which no step before needs")
            known |= tools[step.does].gives.keys()
        for name in sorted(places(step.says) - known):
            yield Mistake((*here, "says"), f"{{{name}}} is no slot of the task and nothing that a tool gives")
    yield from _failures(where, task, slots, tools)


def _failures(
    where: tuple[str, ...], task: Task, slots: Mapping[str, Slot], tools: Mapping[str, Tool]
) -> Iterator[Mistake]:
    used = [tools[step.does] for step in task.all_steps if step.does in tools]
    named = {failure for tool in used for failure in tool.fails.values()}
    named |= {LIMIT for tool in used if any((tool.most_an_hour, tool.most_a_day, tool.most_a_day_by_caller))}
    for name, failure in task.fails.items():
        if name not in named:
            yield Mistake((*where, "if", name), f"no tool of the task fails with {name}; named are {_list(named)}")
        if failure.again and failure.again not in slots:
            yield Mistake((*where, "if", name, "again"), f"there is no slot {failure.again}; known are {_list(slots)}")


def mistakes_of_python_tools(tools: Mapping[str, Tool], read: Callable[[str], str]) -> Iterator[Mistake]:
    """What is wrong with the functions that tools name. `read`: a file's text; raises `OSError` or `ValueError`."""
    for name, tool in tools.items():
        where = ("tools", name, "python")
        try:
            file, function = file_and_function(tool.python)
            source = read(file)
        except OSError as cause:
            yield Mistake(where, f"{tool.python.partition(':')[0]}: {cause.strerror}")
        except ValueError as wrong:
            if tool.python and isinstance(wrong, UnicodeDecodeError):
                yield Mistake(where, f"{tool.python.partition(':')[0]} is no text")
        else:
            yield from (Mistake(where, f"{file}: {what}") for what in source_mistakes(source, function, tool.takes))


def _pattern(where: tuple[str, ...], pattern: str) -> Iterator[Mistake]:
    try:
        re.compile(pattern)
    except re.error as wrong:
        yield Mistake(where, f'"{pattern}" is no regular expression: {wrong}')


def _list(names: "Mapping[str, object] | set[str]") -> str:
    return ", ".join(sorted(names)) or "none"
