"""The one door through which text of tools comes in: declared values, short, without what steers a language model."""

import re
from codecs import BOM_UTF8
from math import isfinite

import msgspec

from lineside.agents.declared import Tool
from lineside.agents.tools.outcome import Outcome

LONGEST_VALUE = 300  # characters of one value; the rest is cut off
_UNSPEAKABLE = re.compile(r"<\|[^|>]{0,60}\|>|</?(?:think|tool_call|tools|s)>|[\x00-\x08\x0b-\x1f\x7f]")


def projected(raw: bytes, tool: Tool) -> Outcome:
    """What of an answer is used: the declared values as short text, nothing else of it."""
    if not tool.gives:
        return Outcome("ok")
    try:
        answered = msgspec.json.decode(raw.removeprefix(BOM_UTF8))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        answered = None
    if not isinstance(answered, dict):  # what writes has been done all the same; nothing is known of it
        return Outcome("ok") if tool.writes else Outcome("failed", why="its answer is no JSON object")
    return declared_values(answered, tool)


def declared_values(answered: dict[str, object], tool: Tool) -> Outcome:
    """The declared values of a record; a lookup that lacks one has failed."""
    given = {name: text for name in tool.gives if (text := speakable(answered.get(name)))}
    lacking = tool.gives.keys() - given.keys()
    if lacking and not tool.writes:
        return Outcome("failed", why=f"its answer lacks {', '.join(sorted(lacking))}")
    return Outcome("ok", given)


def speakable(value: object) -> str:
    """A value as text, without what steers a language model; empty: it is none."""
    if isinstance(value, bool) or value is None or isinstance(value, dict | list):
        return ""
    if isinstance(value, float) and not isfinite(value):
        return ""
    return " ".join(_UNSPEAKABLE.sub(" ", str(value)).split())[:LONGEST_VALUE]
