"""Separates what a model thinks from what it says, in the stream of its text, wherever the stream is cut. Pure.

Models mark reasoning in many ways: `<think>` and its relatives (DeepSeek, Qwen, GLM, MiniMax), `<seed:think>` (Seed),
`◁think▷` (Kimi), `[THINK]` (Magistral), `<|START_THINKING|>` (Command A), `<|begin_of_thought|>` (Sky-T1), and the
channels of gpt-oss (the harmony format): `analysis` and `commentary` are thoughts, `final` is speech. Where a server
removes the control tokens of harmony, "analysisThe caller asks …assistantfinalWe open" is left.
"""

import re
from itertools import product


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


MAX_HEADER_CHARS = 80  # between <|channel|> and <|message|>; a longer header is taken for text

_NAMES = _words("""
think thinking thought thoughts reasoning reflection scratchpad analysis inner_thoughts inner_monologue
""")
_FAMILIES = ("", "seed:", "antml:", "longcat_", "mm:")
_OPENING = [f"<{family}{name}>" for family, name in product(_FAMILIES, _NAMES)]
_CLOSING = [f"</{family}{name}>" for family, name in product(_FAMILIES, _NAMES)]
_OPENING += ["[think]", "◁think▷", "<|start_thinking|>", "<|begin_of_thought|>", "<|inner_prefix|>", "<|think|>"]
_CLOSING += ["[/think]", "◁/think▷", "<|end_thinking|>", "<|end_of_thought|>", "<|inner_suffix|>", "<|/think|>"]
_OPENING += ["<|channel>thought", "<unused94>thought"]
_CLOSING += ["<channel|>", "<unused95>", "[begin final response]"]
_HARMONY = _words("""
<|start|> <|channel|> <|constrain|> <|message|> <|end|> <|call|> <|return|>
""")
# What harmony leaves where its control tokens were removed: only in an answer that began with a channel's name.
_BARE_STARTS = ("analysis", "commentary")
_BARE = {"assistantfinal": "close", "assistantanalysis": "open", "assistantcommentary": "open"}

_MARKERS = dict.fromkeys(_OPENING, "open") | dict.fromkeys(_CLOSING, "close") | {m: m[2:-2] for m in _HARMONY}
_MARKERS_OF_BARE = _MARKERS | _BARE


def _beginnings(markers: dict[str, str]) -> frozenset[str]:
    return frozenset(marker[:size] for marker in markers for size in range(1, len(marker)))


_STARTS = re.compile(r"[<\[◁]")  # what markers begin with
_BEGINNINGS, _BEGINNINGS_OF_BARE = _beginnings(_MARKERS), _beginnings(_MARKERS_OF_BARE)
_LONGEST = max(len(marker) for marker in _MARKERS_OF_BARE)


class ThoughtSplitter:
    """Splits one answer into thoughts and speech. `inside`: the answer begins in the middle of a thought."""

    def __init__(self, *, inside: bool = False) -> None:
        self.unopened = False  # the answer closed a thought that it had never opened
        self._inside = inside
        self._assumed = inside  # nothing has shown yet that the answer began inside a thought
        self._marked = False  # a marker has come
        self._fresh = inside  # nothing but space since the last marker: that space is no part of the answer
        self._begun = inside  # something other than space has come
        self._bare = False  # harmony without its control tokens
        self._header: str | None = None  # what has come of a header of harmony
        self._held = ""  # what may be the beginning of a marker: `_LONGEST` characters at most

    def outside(self) -> None:
        """Thoughts come in a field of their own, so the text that was assumed to be one is none."""
        if self._assumed:
            self._assumed = self._inside = False

    def feed(self, text: str) -> list[tuple[bool, str]]:
        """Take the next piece of text; answer pieces of text, each with whether it is a thought."""
        odd = self._held or self._inside or self._fresh or self._bare or self._header is not None or not self._begun
        if not odd and not _STARTS.search(text):
            return [(False, text)] if text else []
        self._held += text
        return self._read(final=False)

    def end(self) -> list[tuple[bool, str]]:
        """The answer is over: answer what was held back. A thought that was never closed stays a thought."""
        pieces = self._read(final=True)
        return pieces if self._header is None else pieces + self._leave_header()

    def _read(self, *, final: bool) -> list[tuple[bool, str]]:
        pieces: list[tuple[bool, str]] = []
        if not self._begun and not self._begin(final=final):
            return pieces
        markers, beginnings = (_MARKERS_OF_BARE, _BEGINNINGS_OF_BARE) if self._bare else (_MARKERS, _BEGINNINGS)
        starts = "<[◁a" if self._bare else "<[◁"
        text, done, at = self._held, 0, 0
        while at < len(text):
            if text[at] not in starts:
                at += 1
                continue
            rest = text[at : at + _LONGEST].lower()
            if marker := _marker(rest, markers, beginnings):
                pieces += self._give(text[done:at])
                pieces += self._pass(markers[marker])
                at = done = at + len(marker)
            elif rest in beginnings and at + len(rest) == len(text) and not final:
                break
            else:
                at += 1
        pieces += self._give(text[done:at])
        self._held = text[at:]
        return pieces

    def _begin(self, *, final: bool) -> bool:
        """Whether the answer's beginning is known: the name of a channel right before a capital is harmony's."""
        begin = self._held.lstrip()
        for name in _BARE_STARTS:
            if name.startswith(begin) and not final:  # an empty beginning too
                return False
            if begin.startswith(name) and begin[len(name) :][:1].isupper():
                self._held = begin[len(name) :]
                self._bare = self._inside = self._marked = True
        self._begun = True
        return True

    def _pass(self, marker: str) -> list[tuple[bool, str]]:
        """A marker has come; answer what was taken for a header and is none."""
        if marker in ("open", "close"):
            closing = marker == "close"
            if closing and not self._marked and (self._assumed or not self._inside):
                self.unopened = True
            left = [] if self._header is None else self._leave_header()
            self._turn(inside=not closing)
            return left
        left = []
        if marker == "start":
            left = [] if self._header is None else self._leave_header()
            self._header = ""
        elif marker in ("channel", "constrain"):
            self._header = f"{self._header or ''}\n{marker} "
        elif marker == "message":
            self._turn(inside=_is_thought(self._header or ""))
        else:
            left = [] if self._header is None else self._leave_header()
            self._turn(inside=False)
        self._marked, self._assumed = True, False
        return left

    def _turn(self, *, inside: bool) -> None:
        self._inside, self._header = inside, None
        self._assumed, self._marked, self._fresh = False, True, True

    def _leave_header(self) -> list[tuple[bool, str]]:
        """What was taken for a header goes on without <|message|>: what follows the channel's name is text."""
        header = self._header or ""
        _, _, named = header.rpartition("\nchannel ")
        text = named.lstrip().partition(" ")[2] if "\nchannel " in header else ""
        self._turn(inside=_is_thought(header))
        return self._give(text)

    def _give(self, text: str) -> list[tuple[bool, str]]:
        if self._header is not None and text:
            room = MAX_HEADER_CHARS - len(self._header)
            self._header += text[:room]
            return self._leave_header() + self._give(text[room:]) if len(text) > room else []
        if self._fresh:
            text = text.lstrip()
            self._fresh = not text
        return [(self._inside, text)] if text else []


def _marker(rest: str, markers: dict[str, str], beginnings: frozenset[str]) -> str:
    """The marker that this text begins with; empty if there is none, or not all of it."""
    size = 1
    while size <= len(rest) and rest[:size] in beginnings:
        size += 1
    return rest[:size] if rest[:size] in markers else ""


def _is_thought(header: str) -> bool:
    """Whether the message under this header of harmony is a thought: everything but the final channel is."""
    role, *rest = header.split("\n")
    channels = [part.removeprefix("channel").split() for part in rest if part.startswith("channel")]
    name = (channels[-1] or [""])[0] if channels else ""
    if name:
        return name != "final"
    return role.strip() not in ("", "assistant")
