"""What the markup of language models looks like: tags, control tokens, calls of tools, labels of roles.

A pattern named `…_BEGINS` matches what may become the markup when more text comes.
"""

import re
from itertools import product


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


HTML = frozenset(
    _words("""
br b i u em strong p div span a ul ol li h1 h2 h3 h4 h5 h6 code pre table thead tbody tr td th sup sub hr img
small
""")
)
CALLS = frozenset(
    _words("""
tool_call tool_calls toolcall function_call function_calls function functions invoke parameter tool_code
tool_use tool_response tool_result tool_results tool_output tool_outputs function_results arg_key arg_value sys
style script tool
""")
)
TURNS = frozenset(_words("im_start start_header_id start_of_turn turn start_of_role start"))
OTHERS = frozenset(_words("user human system tool observation developer environment ipython function prompter"))
_OTHERS_TOKENS = OTHERS - {"tool", "function"} | {"user_token", "system_token"}
AGENTS = frozenset(_words("assistant model agent bot chatbot ai"))

TAG = re.compile(r"</?([A-Za-z][\w.:-]{0,40})(=[\w.:-]{0,60})?((?:\s[^<>]{0,300})?)/?>")
TAG_BEGINS = re.compile(r"<(?:/?(?:[A-Za-z][\w.:=-]{0,100}(?:\s[^<>]{0,300})?/?)?)?\Z")
CONTROL = re.compile(
    r"<[|｜]([^<>|｜\n]{1,64})[|｜]>|<([a-z]{2,20})\|>|<\|([a-z]{2,20})>|<</?(SYS)>>|<(0x[0-9A-F]{2}|#[\d.]{1,6}#)>"
)
CONTROL_BEGINS = re.compile(
    r"<(?:[|｜](?:[^<>|｜\n]{0,64}[|｜]?)?|[a-z]{2,20}\|?|</?(?:S(?:Y(?:S>?)?)?)?|0(?:x[0-9A-F]{0,2})?|#[\d.]{0,6}#?)?\Z"
)
JSON = re.compile(r"(?:\{|\[\s{0,40}\{)\s{0,40}(?:\"|'[\w ]+'\s?:)")
JSON_BEGINS = re.compile(r"(?:\{|\[\s{0,40}\{)\s{0,40}(?:'[\w ]{0,40}'?\s?)?\Z|\[\s{0,40}\Z")
FENCE_OF_JSON = re.compile(
    r"```(?:(?:tool_calls?|tool_code|function_call)\s|[\w+-]{0,20}\s{0,40}[\[{]\s{0,40}[\[{\"'])"
)
FENCE_BEGINS = re.compile(r"`{1,2}\Z|```[\w+-]{0,20}(?:\s{1,40}(?:[\[{]\s{0,40})?|[\[{]\s{0,40})?\Z")
BRACKET = re.compile(r"\[(/?(?:INST|EOS|BOS|UNK|SEP|CLS|PAD|MASK|gMASK|SYS|ARGS|[A-Z][A-Z0-9]*_[A-Z0-9_]{1,40}))\]")
BRACKET_BEGINS = re.compile(r"\[(?:/?[A-Zg][A-Z0-9_]{0,40})?/?\Z")
CALL = re.compile(
    r"(?:[a-z]\w{0,40}\.)?[a-z][a-z0-9]{0,40}_\w{0,60}\(|(?:functions|tools|print\(default_api)\.\w{1,60}\("
)
CALL_BEGINS = re.compile(r"(?:[a-z]\w{0,40}[.(])?(?:[a-z]\w{0,60}\.?\w{0,60})?\Z")
ROLE = re.compile(r"\s*([a-z_]{1,24})(?:[^a-z_])", re.IGNORECASE)
ROLE_BEGINS = re.compile(r"\s*[a-z_]{0,24}\Z", re.IGNORECASE)

_OWN = [
    *_words("assistant agent ai bot chatbot operator representative answer response reply"),
    *["ai assistant", "voice agent", "voice assistant", "virtual assistant", "final answer", "final response"],
]  # fmt: skip
_OTHER = ["user", "human"]
_CALLERS = ["caller", "customer", "client"]  # also plain words before a colon, so only after the end of a sentence
_THOUGHTS = [
    "thought",
    "thoughts",
    "thinking",
    "reasoning",
    "observation",
    "action",
    "action input",
    "internal monologue",
]
_AROUND = (("", ":"), ("**", ":**"), ("**", "**:"), ("[", "]:"), ("### ", ":"), ("## ", ":"))


def _labels(names: list[str], kind: str) -> dict[str, str]:
    return {f"{before}{name}{behind}": kind for name, (before, behind) in product(names, _AROUND)}


_LABELS = _labels(_OWN, "own") | _labels(_OTHER, "other") | _labels(_CALLERS, "caller") | _labels(_THOUGHTS, "thought")
_FIRST = {"assistant\n": "own", "model\n": "own"}  # what is left of a chat template where its tokens were removed
_BEGINNINGS = frozenset(label[:size] for label in (_LABELS | _FIRST) for size in range(1, len(label)))
_LONGEST = max(map(len, _LABELS))
PLACES = re.compile(r"[<\[({*_`\n]")
MAYBE = "maybe"


def label(text: str, *, first: bool) -> tuple[int, str]:
    """The label that a line begins with: its length and its kind, "own", "other", "caller" or "thought".

    `MAYBE` where more text decides; empty where there is none. `first`: nothing of the answer has come before.
    """
    rest = text[: _LONGEST + 1].lower()
    size = 1
    while size <= len(rest) and rest[:size] in _BEGINNINGS:
        size += 1
    if size > len(rest):
        return size, MAYBE
    return size, _LABELS.get(rest[:size]) or (_FIRST.get(rest[:size], "") if first else "")


def control_meaning(name: str) -> str:
    """What a control token of a chat template says: a "turn" begins, the "agent" or an "other" speaks from here on.

    "system" where the template's own message begins; empty where the token says nothing of that.
    """
    if name in TURNS:
        return "turn"
    if name == "sys":
        return "system"
    if name == "python_tag" or ("tool" in name and "begin" in name) or name in _OTHERS_TOKENS:
        return "other"
    return "agent" if any(role in name for role in ("assistant", "chatbot", "model")) else ""
