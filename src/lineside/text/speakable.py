"""The one door before the voice: of what a language model writes, only what a caller may hear goes on. Pure.

Thoughts, control tokens, calls of tools, tags, stage directions, labels of roles, pictures, invisible characters and
letters of scripts that the voice cannot say are removed from the stream of an answer. The result does not depend on
how the stream was cut. What goes on is both spoken and remembered, so the history never holds what was not said.
"""

import re
from functools import lru_cache

from lineside.text.kept_text import GAP
from lineside.text.markup import MarkupFilter
from lineside.text.scripts import CJK_MARKS, GREEK, foreign_letters, uses_latin
from lineside.text.thoughts import ThoughtSplitter

MAX_NEUTRAL = 200  # characters between two words of a foreign script that are held back; then the stretch is over

_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\ufe00-\ufe0f\ufeff\ufff9-\ufffd\U000e0000-\U000e01ef\ue000-\uf8ff\ud800-\udfff]"
)
_JOINERS = re.compile("[\u200c\u200d]")  # Indic and Persian words need them
_PICTURES = re.compile("[\U0001f000-\U0001faff\u2600-\u2793\u2b50-\u2b55\u231a\u231b\u23e9-\u23fa\u20e3]+")
Pattern = re.Pattern[str]
_ENDS = ".!?:\n…"


class Speakable:
    """Lets through what a caller may hear of one answer."""

    def __init__(self, language: str = "en") -> None:
        self._thoughts, self._markup, self._scripts = ThoughtSplitter(), MarkupFilter(), _ScriptFilter(language)
        self._latin = uses_latin(language)
        self._last = ""  # the last character that went on
        self._last_solid = "\n"  # the last one that was no space
        self._gap = False  # something was removed since

    def feed(self, text: str) -> str:
        """Take the next piece of an answer; answer what may be spoken of what is decided."""
        if not text.isascii() or not text.isprintable():
            text = self._visible(text)
        said = "".join([words for thought, words in self._thoughts.feed(text) if not thought])
        return self._tidied(self._scripts.feed(self._markup.feed(said)))

    def end(self) -> str:
        """The answer is over: answer what may be spoken of what was held back."""
        said = "".join(words for thought, words in self._thoughts.end() if not thought)
        said = self._markup.feed(said) + self._markup.end()
        return self._tidied(self._scripts.feed(said) + self._scripts.end())

    def _visible(self, text: str) -> str:
        text = _INVISIBLE.sub("", text)
        if self._latin:
            text = _JOINERS.sub("", text)
        return _PICTURES.sub(GAP, text)

    def _tidied(self, text: str) -> str:
        """Where something was removed, the words around it neither grow together nor stand wide apart."""
        if not self._gap and GAP not in text:
            self._remember(text)
            return text
        out = []
        for index, part in enumerate(text.split(GAP)):
            self._gap = self._gap or index > 0
            joined = self._joined(part) if self._gap else part
            self._remember(joined)
            out.append(joined)
        return "".join(out)

    def _joined(self, part: str) -> str:
        """The text after a gap, without a second space, and with one where there was none."""
        if self._last.isspace() or not self._last:
            part = part.lstrip(" \t")
        if self._last_solid in _ENDS:
            part = part.lstrip(".,;!?…" if self._last.isspace() or not self._last else ".,;…")
            if self._last.isspace() or not self._last:
                part = part.lstrip(" \t")
        if not part:
            return ""
        self._gap = False
        apart = self._last and not self._last.isspace() and (part[0].isalnum() or part[0] in '"“‘$£€')
        return f" {part}" if apart else part

    def _remember(self, text: str) -> None:
        if text:
            self._last = text[-1]
            self._last_solid = (text.rstrip() or self._last_solid)[-1]


def speakable(text: str, language: str = "en") -> str:
    """What may be spoken of a whole text."""
    door = Speakable(language)
    return door.feed(text) + door.end()


@lru_cache(maxsize=64)
def _patterns(language: str) -> tuple[Pattern, Pattern, Pattern, Pattern, Pattern | None]:
    """A foreign letter; a stretch of them; what may stand between two; a word of none; a Greek letter."""
    letters = foreign_letters(language)
    return (
        re.compile(f"[{letters}]"),
        re.compile(f"[{letters}{CJK_MARKS}\u0300-\u036f]*"),
        re.compile(rf"(?:(?![^\W\d_]|[{letters}{CJK_MARKS}\n{GAP}()\[\]])[\s\S]){{0,{MAX_NEUTRAL}}}"),
        re.compile(rf"(?:(?![{letters}])\w){{1,20}}"),
        re.compile(f"[{GREEK}]") if GREEK in letters else None,
    )


class _ScriptFilter:
    """Removes stretches of text in a script that the voice cannot say, with the signs and numbers within them."""

    def __init__(self, language: str) -> None:
        self._foreign, self._solid, self._neutral, self._word, self._greek = _patterns(language)
        self._held = ""
        self._within = False  # in a foreign stretch

    def feed(self, text: str) -> str:
        if not self._held and not self._within and text.isascii():
            return text
        self._held += text
        return self._read(final=False)

    def end(self) -> str:
        return self._read(final=True)

    def _read(self, *, final: bool) -> str:
        out: list[str] = []
        while self._held:
            if self._within:
                if not self._leave(final=final):
                    break
                continue
            found = self._foreign.search(self._held)
            if not found:
                out.append(self._held)
                self._held = ""
                break
            at = found.start()
            out.append(self._held[:at])
            self._held = self._held[at:]
            if self._greek and self._greek.match(self._held):  # a lone Greek letter has a name: pi, mu
                if len(self._held) == 1 and not final:
                    break
                if not self._foreign.match(self._held, 1):
                    out.append(self._held[0])
                    self._held = self._held[1:]
                    continue
            out.append(GAP)
            self._within = True
        return "".join(out)

    def _leave(self, *, final: bool) -> bool:
        """Drop what belongs to the stretch; False where further text tells whether the rest does."""
        held, at = self._held, 0
        while True:
            at = self._end(self._solid, at)
            self._held, held, at = held[at:], held[at:], 0
            after = self._end(self._neutral, 0)
            if after == len(held) and after < MAX_NEUTRAL and not final:
                return False
            if held[after : after + 1] and self._solid.fullmatch(held[after]):
                at = after
                continue
            word = self._end(self._word, after) if after == 0 else 0
            if word and word == len(held) and word < 20 and not final:
                return False
            if word and word < len(held) and self._foreign.match(held, word):
                at = word
                continue
            self._within = False
            return True

    def _end(self, pattern: re.Pattern[str], at: int) -> int:
        found = pattern.match(self._held, at)
        return found.end() if found else at
