"""Removes what a model writes and nobody should hear, from the stream of its text, wherever the stream is cut. Pure.

Control tokens of chat templates, calls of tools (JSON, XML, Python), tags for voices (SSML), stage directions, labels
of roles, and what stands under the label of somebody else. HTML, Markdown and everything else stay. A place where
something was removed is marked with `GAP`.

Each rule sees the text from its first character on. What further text may decide is held back, and no rule changes its
answer when more text comes: so the cuts do not matter.
"""

import re
from collections.abc import Callable

from lineside.text.brackets import ClosingBracket
from lineside.text.directions import is_direction, may_be_direction
from lineside.text.kept_text import GAP, KeptText
from lineside.text.markup_patterns import (
    AGENTS,
    BRACKET,
    BRACKET_BEGINS,
    CALL,
    CALL_BEGINS,
    CALLS,
    CONTROL,
    CONTROL_BEGINS,
    FENCE_BEGINS,
    FENCE_OF_JSON,
    HTML,
    JSON,
    JSON_BEGINS,
    MAYBE,
    OTHERS,
    PLACES,
    ROLE,
    ROLE_BEGINS,
    TAG,
    TAG_BEGINS,
    TURNS,
    control_meaning,
    label,
)


class MarkupFilter:
    """Removes the markup of one answer."""

    def __init__(self) -> None:
        self._held = ""  # not decided yet: a few hundred characters at most
        self._mode: Callable[[MarkupFilter, bool], bool] = MarkupFilter._text  # unbound: no circle
        self._kept = KeptText()
        self._closing = ""  # what ends the block that is skipped
        self._within = False  # something of that block has come, so what comes cannot be JSON alone
        self._brackets = ClosingBracket()

    def feed(self, text: str) -> str:
        """Take the next piece of text; answer what is left of what is decided."""
        kept = self._kept
        odd = self._held or self._mode is not MarkupFilter._text or kept.line_start or kept.muted
        if not odd and not PLACES.search(text):
            return kept.pass_on(text)
        self._held += text
        return self._read(final=False)

    def end(self) -> str:
        """The answer is over: answer what is left of the rest."""
        return self._read(final=True)

    def _read(self, *, final: bool) -> str:
        while self._held and self._mode(self, final):
            pass
        return self._kept.take()

    def _text(self, final: bool) -> bool:
        """Plain text, up to the next place where markup may begin."""
        if self._kept.line_start:
            if blank := len(self._held) - len(self._held.lstrip(f" \t\r{GAP}")):
                self._keep(blank)
                return True
            if (read := self._at_line_start(final)) is not None:
                return read
        place = PLACES.search(self._held)
        at = place.start() if place else len(self._held)
        if at:
            self._keep(at)
            return True
        return self._at_sign(final)

    def _at_line_start(self, final: bool) -> bool | None:
        """A label or a bare call; None where there is neither."""
        size, kind = label(self._held, first=not self._kept.begun)
        if kind == MAYBE and not final:
            return False
        if kind not in ("", MAYBE) and (kind != "caller" or self._kept.last_solid in ".?!"):
            self._drop(size)
            self._kept.muted = kind != "own"
            self._kept.until_line_end = kind == "thought"
            return True
        if self._held[0].islower():
            if found := CALL.match(self._held):
                return self._skip_nested(found.end(), quotes="\"'")
            if CALL_BEGINS.match(self._held) and not final:
                return False
        return None

    def _at_sign(self, final: bool) -> bool:
        """A character that may begin markup."""
        sign = self._held[0]
        if sign == "\n":
            self._kept.end_line(sign)
            self._held = self._held[1:]
            return True
        if sign == "(":
            return self._direction(")", final)
        rules = {"<": self._angle, "[": self._square, "{": self._brace, "`": self._fence}
        return rules.get(sign, self._star)(final)

    def _skip_block(self, final: bool) -> bool:
        """Up to the closing tag. A block that holds JSON ends with it."""
        begin = self._held.lstrip()
        if not self._within and begin[:1] in ("{", "["):
            return self._skip_nested(len(self._held) - len(begin) + 1)
        self._within = self._within or bool(begin)
        at = self._held.lower().find(self._closing)
        if at < 0:
            self._held = "" if final else self._held[-len(self._closing) + 1 :] if begin else self._held
            return False
        self._drop(at + len(self._closing))
        self._mode = MarkupFilter._text
        return True

    def _skip_brackets(self, _final: bool) -> bool:
        """Up to the bracket that closes the first one."""
        end = self._brackets.end(self._held)
        if end < 0:
            self._held = ""
            return False
        self._drop(end)
        self._mode = MarkupFilter._text
        return True

    def _code(self, final: bool) -> bool:
        """A block of code stays as it is, up to its closing fence."""
        at = self._held.find("```")
        if at < 0:
            self._keep(len(self._held) if final else max(0, len(self._held) - 2))
            return False
        self._keep(at + 3)
        self._mode = MarkupFilter._text
        return True

    def _role(self, final: bool) -> bool:
        """The role of whoever speaks now."""
        found = ROLE.match(self._held)
        if not found and ROLE_BEGINS.match(self._held) and not final:
            return False
        role = (found[1] if found else self._held.strip()).lower()
        if role in OTHERS or role in AGENTS:
            self._drop(found.end(1) if found else len(self._held))
        self._kept.muted = role in OTHERS
        self._mode, self._kept.line_start = MarkupFilter._text, True
        return True

    def _angle(self, final: bool) -> bool:
        held = self._held
        if found := CONTROL.match(held):
            self._drop(found.end())
            self._control(next(name for name in found.groups() if name).lower())
            return True
        if found := TAG.match(held):
            return self._tag(found)
        begins = CONTROL_BEGINS.match(held) or TAG_BEGINS.match(held)
        if begins and not final:
            return False
        if begins and held[1:2] in ("|", "｜"):
            self._drop(len(held))  # a control token that was broken off
        else:
            self._keep(1)
        return True

    def _control(self, name: str) -> None:
        meaning = control_meaning(name)
        if meaning == "turn":
            self._mode = MarkupFilter._role
        elif meaning == "system":
            self._skip_to("<</sys>>")
        elif meaning:
            self._kept.muted = meaning == "other"
            self._kept.line_start = self._kept.line_start or not self._kept.muted

    def _tag(self, found: re.Match[str]) -> bool:
        name, more = found[1].lower(), found[3]
        closing, whole = found[0].startswith("</"), found[0].endswith("/>")
        if name in HTML or (more.strip() and "=" not in more and not closing and not whole):
            self._keep(found.end())
            return True
        self._drop(found.end())
        if name in TURNS and not closing:
            self._mode = MarkupFilter._role
        elif name in CALLS and not closing and not whole:
            self._skip_to(f"</{name}>")
        return True

    def _square(self, final: bool) -> bool:
        held = self._held
        if found := BRACKET.match(held):
            self._drop(found.end())
            if found[1] == "INST":
                self._skip_to("[/inst]")
            elif found[1].startswith("TOOL_CALL"):
                self._kept.muted = self._kept.until_line_end = True
            return True
        if JSON.match(held):
            return self._skip_nested(1)
        if CALL.match(held, 1):
            return self._skip_nested(1, quotes="\"'")
        if not final and (BRACKET_BEGINS.match(held) or JSON_BEGINS.match(held) or CALL_BEGINS.match(held, 1)):
            return False
        return self._direction("]", final)

    def _brace(self, final: bool) -> bool:
        if found := JSON.match(self._held):
            return self._skip_nested(1, quotes="\"'" if found[0].endswith(":") else '"')
        if not final and JSON_BEGINS.match(self._held):
            return False
        self._keep(1)
        return True

    def _fence(self, final: bool) -> bool:
        held = self._held
        if FENCE_OF_JSON.match(held):
            self._drop(3)
            self._skip_to("```", within=True)  # to the fence, not to the end of the JSON
            return True
        if not final and FENCE_BEGINS.match(held):
            return False
        if fenced := held.startswith("```"):
            self._mode = MarkupFilter._code
        self._keep(3 if fenced else len(held) - len(held.lstrip("`")))
        return True

    def _star(self, final: bool) -> bool:
        """*smiles*, _sighs_; emphasis and bullets stay."""
        held, sign = self._held, self._held[0]
        run = len(held) - len(held.lstrip(sign))
        if run == len(held) and not final:
            return False
        if run <= 3 and not self._kept.last.isalnum():
            return self._direction(sign * run, final)
        self._keep(run)
        return True

    def _direction(self, closing: str, final: bool) -> bool:
        """A stage direction up to its closing sign; else the opening sign stays."""
        held, begin = self._held, len(closing)
        end = held.find(closing, begin)
        inner = held[begin : end if end >= 0 else len(held)]
        if end < 0 and begin > 1:
            inner = inner.rstrip(closing)  # of "**smiles*" the last star may yet close it
        if end >= 0 and is_direction(inner, closing[0]):
            link = closing == "]" and held[end + 1 : end + 2]
            if closing == "]" and not link and not final:
                return False
            if link != "(":
                self._drop(end + begin)
                return True
        elif end < 0 and not final and may_be_direction(inner, closing[0]):
            return False
        self._keep(begin)
        return True

    def _skip_to(self, closing: str, *, within: bool = False) -> None:
        self._closing, self._within, self._mode = closing, within, MarkupFilter._skip_block

    def _skip_nested(self, opened: int, quotes: str = '"') -> bool:
        """Skip a call or JSON; its first bracket ends at `opened`."""
        self._drop(opened)
        self._brackets, self._mode = ClosingBracket(quotes), MarkupFilter._skip_brackets
        return True

    def _keep(self, size: int) -> None:
        text, self._held = self._held[:size], self._held[size:]
        self._kept.keep(text)

    def _drop(self, size: int) -> None:
        self._held = self._held[size:]
        self._kept.leave_gap()
