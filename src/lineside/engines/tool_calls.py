"""Calls of tools in the stream of an answer: put together from fragments, or found in the text. Pure.

OpenAI's reference streams a call in pieces: `index`, then `id` and `name`, then `arguments` bit by bit. Servers differ:
without an index, with one index for all, whole calls in one chunk, the name again in every chunk, arguments as an
object, no ids, one id for all, the old `function_call`. And models that were not trained for it write a call as text.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from lineside.engines.protocols import Message, ToolCall, ToolSpec

MOST = 16  # calls of one answer; the rest of them is passed over
LONGEST = 1 << 16  # characters of one call's arguments
CALL_ROOM = 200  # tokens that calls may need on top of an answer's


class _Call(Struct):
    """A call as far as it has come."""

    index: object
    id: str = ""
    name: str = ""
    arguments: str = ""
    whole: bool = False  # its arguments came as an object


class CallReader:
    """Puts the calls of one answer together."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []

    def feed(self, fragments: Iterable[Any]) -> None:
        """What one chunk has of calls: OpenAI's `delta.tool_calls`, Ollama's `message.tool_calls`.

        Raises `ValueError` for a call that has no end.
        """
        for fragment in fragments:
            if isinstance(fragment, dict):
                self._add(fragment)

    def end(self, *, broken_off: bool = False) -> list[ToolCall]:
        """All calls, in order. Raises `ValueError` where the stream was `broken_off` in the middle of one."""
        made = []
        for call in self._calls:
            arguments = call.arguments.strip() or "{}"
            if broken_off and not _is_json(arguments):
                raise ValueError("the answer broke off in the middle of a tool call")
            if call.name or call.arguments.strip():
                made.append(ToolCall(call.id, call.name.strip(), arguments))
        return made[:MOST]

    def _add(self, fragment: dict[str, Any]) -> None:
        function = fragment.get("function")
        function = function if isinstance(function, dict) else {}
        index = fragment.get("index", function.get("index"))
        identity = fragment.get("id") if isinstance(fragment.get("id"), str) else ""
        name = function.get("name") if isinstance(function.get("name"), str) else ""
        arguments = function.get("arguments", function.get("parameters"))
        call = self._belongs_to(index, identity or "", name or "", arguments)
        call.id = call.id or identity or ""
        call.name = call.name or name or ""
        if isinstance(arguments, dict | list):
            call.arguments, call.whole = msgspec.json.encode(arguments).decode(), True
        elif isinstance(arguments, str):
            call.arguments += arguments
        if len(call.arguments) > LONGEST:
            raise ValueError("a tool call whose arguments have no end")

    def _belongs_to(self, index: object, identity: str, name: str, arguments: object) -> _Call:
        """The call that a fragment goes on with, or a new one."""
        if index is not None:
            known = next((call for call in reversed(self._calls) if call.index == index), None)
        elif identity:
            known = next((call for call in reversed(self._calls) if call.id == identity), None)
        else:
            known = self._calls[-1] if self._calls else None
            known = None if known is not None and name and known.name and name != known.name else known
        if known is None or _begins_another(known, identity, name, arguments):
            known = _Call(index)
            self._calls = [*self._calls, known][: MOST + 1]
        return known


def _begins_another(known: _Call, identity: str, name: str, arguments: object) -> bool:
    """Whether a fragment is of another call, although a server gave it the index or the id of this one."""
    if not name:
        return False
    if identity and known.id and identity != known.id:
        return True
    if isinstance(arguments, dict | list):
        return known.whole
    complete = bool(known.arguments) and _is_json(known.arguments)
    return complete and isinstance(arguments, str) and _is_json(arguments)


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


# ── calls that were written as text ────────────────────────────────────────────────────────────────────────────────

_TAGS = ("<tool_call>", "<tools>", "<function=", "<|python_tag|>", "[tool_calls]", "<function_call>", "<|tool_call|>")
_AT_START = ("{", "```")  # only where an answer, or a line of it, begins
_SIGN, _LONGEST_MARK = re.compile(r"[<\[{`]"), max(map(len, _TAGS))
_XML = re.compile(r"<function=([\w.-]+)>(.*?)(?:</function>|$)", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=([\w.-]+)>\s*(.*?)\s*(?:</parameter>|$)", re.DOTALL)


class CallsInText:
    """Finds calls of the offered tools in the text of an answer, and keeps them from being spoken."""

    def __init__(self, tools: Sequence[ToolSpec]) -> None:
        self._names = frozenset(tool.name for tool in tools)
        self._held, self._line_start, self._calling = "", True, False

    def feed(self, text: str) -> str:
        """The next piece of text; answers what is plain words for certain."""
        self._held += text
        if self._calling:
            return ""
        at = self._begins()
        words, self._held = self._held[:at], self._held[at:]
        self._note(words)
        return words

    def end(self) -> tuple[str, list[ToolCall]]:
        """The rest: words, if it was no call after all, or calls."""
        held, self._held = self._held, ""
        if not self._calling:
            return held, []
        calls = self._read(held)
        return ("", calls) if calls else (held, [])

    def _begins(self) -> int:
        """Where a call begins or may begin; the length of what is held where it does not."""
        for found in _SIGN.finditer(self._held):
            at, rest = found.start(), self._held[found.start() : found.start() + _LONGEST_MARK].lower()
            before = self._held[:at].rpartition("\n")
            at_start = not before[2].strip() and (bool(before[1]) or self._line_start)
            marks = (*_TAGS, *_AT_START) if at_start else _TAGS
            if rest.startswith(marks):
                self._calling = True
                return at
            if at + len(rest) == len(self._held) and any(mark.startswith(rest) for mark in marks):
                return at
        return len(self._held)

    def _note(self, words: str) -> None:
        line = words.rpartition("\n")
        if line[1]:
            self._line_start = not line[2].strip()
        elif words.strip():
            self._line_start = False

    def _read(self, text: str) -> list[ToolCall]:
        calls = []
        for name, body in _XML.findall(text):
            given = {key: _value(value) for key, value in _PARAMETER.findall(body)}
            if not given and body.strip().startswith("{"):
                given = next(iter(_objects(body)), {})
            calls.append(ToolCall("", name, msgspec.json.encode(given).decode()))
        for found in () if calls else _objects(text):
            nested = found.get("function")
            inner: dict[str, Any] = nested if isinstance(nested, dict) else found
            wanted = inner.get("arguments", inner.get("parameters", {}))
            if isinstance(name := inner.get("name"), str):
                arguments = wanted if isinstance(wanted, str) else msgspec.json.encode(wanted).decode()
                calls.append(ToolCall("", name, arguments or "{}"))
        return [call for call in calls if call.name in self._names][:MOST]


def _value(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text


def _objects(text: str) -> list[dict[str, Any]]:
    """The JSON objects in a text, outermost ones only; those in a list count."""
    found: list[dict[str, Any]] = []
    at = 0
    while (at := text.find("{", at)) >= 0 and len(found) < MOST:
        end = _closing(text, at)
        decoded = _value(text[at:end])
        if isinstance(decoded, dict):
            found.append(decoded)
        at = end
    return found


def _closing(text: str, at: int) -> int:
    """The end of the object that begins here; of the text where it has none."""
    depth, quoted, escaped = 0, False, False
    for here in range(at, len(text)):
        sign = text[here]
        if quoted:
            quoted, escaped = (escaped or sign != '"'), (sign == "\\" and not escaped)
        elif sign == '"':
            quoted = True
        elif sign in "{}":
            depth += 1 if sign == "{" else -1
            if not depth:
                return here + 1
    return len(text)


# ── messages about calls ───────────────────────────────────────────────────────────────────────────────────────────


def without_tool_calls(messages: Sequence[Message]) -> list[Message]:
    """The same conversation for a model that cannot call tools: what was said, without calls and results."""
    kept = []
    for message in messages:
        if message.role == "tool" or (message.calls and not message.content.strip()):
            continue
        kept.append(Message(message.role, message.content) if message.calls else message)
    return kept
