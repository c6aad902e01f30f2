"""The process in which an operator's Python tools run: `tool_process.py CHANNEL`. One call at a time.

It needs nothing but the standard library and is never imported by lineside's own process. It reads from the socket
CHANNEL and answers there, as JSON behind its length (four bytes, big-endian): first which file of tools it is, then
calls. What a tool prints goes to the output, which nobody takes for an answer. Limits are set before the file is
imported.
"""

import ctypes
import dataclasses
import datetime
import decimal
import enum
import importlib.util
import inspect
import json
import os
import resource
import signal
import socket
import sys
import types
import typing
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

OPEN_FILES, FILE_BYTES, NICE = 256, 64 << 20, 5  # of this process; beyond the limits its system calls fail
LONGEST = 2000  # characters of one value
PR_SET_CHILD_SUBREAPER = 36
KEY = "idempotency_key"  # a parameter that is no argument: the same for every attempt at the same thing
_PLAIN = (str, int, float, bool, decimal.Decimal, datetime.date, datetime.time)


class BadArgument(Exception):
    """An argument does not fit its annotation."""


def main(channel: socket.socket) -> None:
    """Import the file, say how that went, then answer calls until the channel is closed."""
    begin = receive(channel)
    if begin is None:
        return
    limit(begin["memory"])
    file, us = Path(begin["file"]), os.getpid()
    try:
        functions = _functions(file)
    except BaseException as broken:  # a file may even exit
        send(channel, {"broken": f"{type(broken).__name__}: {broken} ({_place(broken, file)})"})
        return
    send(channel, {"ready": sorted(functions)})
    while (call := receive(channel)) is not None:
        answer = _answer(functions, call, file)
        if os.getpid() != us:  # a fork of the tool's came back here too
            os._exit(0)
        _end_children()
        send(channel, answer)


def limit(memory: int) -> None:
    """Set what this process may use; `memory` is its address space in bytes."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    os.nice(NICE)  # the sound of calls comes first
    if sys.platform == "linux":  # whatever a tool starts becomes ours when its parent goes, and ends with the call
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def _functions(file: Path) -> dict[str, Callable[..., object]]:
    """The functions that are written in the file: none that it imports, none whose name begins with `_`."""
    sys.path.append(str(file.parent))
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return {
        name: each
        for name, each in vars(module).items()
        if inspect.isfunction(each) and each.__module__ == file.stem and not name.startswith("_")
    }


def _answer(functions: Mapping[str, Callable[..., object]], call: dict[str, Any], file: Path) -> dict[str, object]:
    function = functions.get(call["function"])
    if function is None:
        return {"refused": f"{file.name} has no function {call['function']}"}
    try:
        arguments = arguments_for(function, call["arguments"], call["key"])
    except BadArgument as wrong:
        return {"refused": str(wrong)}
    try:
        returned = function(**arguments)
        if inspect.iscoroutine(returned):
            import asyncio  # costs more than all of the above

            returned = asyncio.run(returned)
        return {"gives": given(returned, call["gives"])}
    except BaseException as raised:  # what it says may hold a caller's words: only its kind and place go on
        kinds = [kind.__name__ for kind in type(raised).__mro__ if issubclass(kind, Exception)]
        return {"raised": kinds or [type(raised).__name__], "at": _place(raised, file)}


def arguments_for(function: Callable[..., object], given: Mapping[str, str], key: str) -> dict[str, object]:
    """The arguments as the annotations want them. Raises `BadArgument`."""
    hints = typing.get_type_hints(function)
    arguments: dict[str, object] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name == KEY:
            arguments[name] = key
        elif name in given:
            try:
                arguments[name] = _value(given[name], hints.get(name, str))
            except (ValueError, ArithmeticError):
                raise BadArgument(f"{name} is no {_called(hints[name])}") from None
        elif parameter.default is parameter.empty:
            raise BadArgument(f"{name} was not given")
    return arguments


def _value(text: str, wanted: Any) -> object:
    if wanted is str:
        return text
    if wanted is bool:
        return {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}[_one_of(text)]
    if wanted in (datetime.date, datetime.time):
        return wanted.fromisoformat(text)
    if wanted in _PLAIN or (isinstance(wanted, type) and issubclass(wanted, enum.Enum)):
        return wanted(text)
    if typing.get_origin(wanted) is typing.Literal:
        found = [each for each in typing.get_args(wanted) if str(each) == text]
        if not found:
            raise ValueError
        return found[0]
    if typing.get_origin(wanted) in (typing.Union, types.UnionType):
        return _value(text, next(each for each in typing.get_args(wanted) if each is not type(None)))
    raise ValueError


def _one_of(text: str) -> str:
    if text.lower() not in {"yes", "no", "true", "false", "1", "0"}:
        raise ValueError
    return text.lower()


def _called(wanted: Any) -> str:
    return getattr(wanted, "__name__", str(wanted))


def given(returned: object, wanted: list[str]) -> dict[str, str] | None:
    """What of a result was declared, as text; None: it is no record of values."""
    if dataclasses.is_dataclass(returned) and not isinstance(returned, type):
        returned = {each.name: getattr(returned, each.name) for each in dataclasses.fields(returned)}
    elif hasattr(returned, "_asdict"):
        returned = returned._asdict()
    elif isinstance(returned, (str, int, float, decimal.Decimal, datetime.date, datetime.time)) and len(wanted) == 1:
        returned = {wanted[0]: returned}
    if not isinstance(returned, Mapping):
        return {} if returned is None else None
    found = {name: _text(returned.get(name)) for name in wanted}
    return {name: text for name, text in found.items() if text}


def _text(value: object) -> str:
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()[:LONGEST]
    if isinstance(value, (float, decimal.Decimal)) and not decimal.Decimal(value).is_finite():
        return ""  # no number that can be said
    return str(value)[:LONGEST] if isinstance(value, (str, int, float, decimal.Decimal)) else ""


def _place(raised: BaseException, file: Path) -> str:
    """The line of the tool's own file where it happened."""
    if isinstance(raised, SyntaxError) and raised.filename == str(file):
        return f"{file.name}:{raised.lineno}"
    at, frame = 0, raised.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == str(file):
            at = frame.tb_lineno
        frame = frame.tb_next
    return f"{file.name}:{at}" if at else file.name


def _end_children() -> None:
    """Kill what the tool has started: a process of its own does not outlive the call."""
    for _ in range(100):  # children of children become ours one after the other
        ours = set()
        for task in Path("/proc/self/task").glob("*/children"):
            with suppress(OSError):
                ours |= {int(pid) for pid in task.read_text().split()}
        if not ours:
            return
        for pid in ours:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
            with suppress(OSError):
                os.waitpid(pid, 0)


def send(channel: socket.socket, said: dict[str, object]) -> None:
    """Say something to lineside."""
    raw = json.dumps(said).encode()
    channel.sendall(len(raw).to_bytes(4, "big") + raw)


def receive(channel: socket.socket) -> dict[str, Any] | None:
    """What lineside says next; None: nothing any more."""
    head = _exactly(channel, 4)
    raw = _exactly(channel, int.from_bytes(head, "big")) if head else b""
    return json.loads(raw) if raw else None


def _exactly(channel: socket.socket, size: int) -> bytes:
    raw = b""
    while len(raw) < size and (more := channel.recv(size - len(raw))):
        raw += more
    return raw if len(raw) == size else b""


if __name__ == "__main__":
    os.set_inheritable(int(sys.argv[1]), False)  # a program that the tool starts has no part in this
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main(socket.socket(fileno=int(sys.argv[1])))
