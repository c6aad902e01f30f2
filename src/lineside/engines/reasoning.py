"""Keeps what a model thinks apart from what it says: thoughts are shown, never spoken.

Servers send reasoning in a field of its own (`message.thinking` in Ollama, `reasoning_content` or `reasoning` in
OpenAI-shaped streams), or in the middle of the text between `<think>` and `</think>`, cut at any place. Some chat
templates end the prompt with `<think>`, so that only the closing tag ever comes (DeepSeek-R1 issue 352, the model card
of Qwen3-Thinking-2507). Which models do is known by their names; one that is not known is believed to speak until its
first unopened `</think>`, and known from then on. Waiting for that tag instead would make every answer late.
"""

import re

from lineside.engines.protocols import LlmRequest, Thought, Token
from lineside.errors import EngineError

ROOM = 1000  # tokens for thinking, on top of the answer's: a model that runs out of them has answered nothing
CHARACTERS_PER_TOKEN = 64  # more than any tokeniser gives on average; an answer beyond that has no end
SHORT_TOKEN = 3  # characters; the tokens of ordinary words have four and more

_TAG = re.compile(r"<(/?)think(?:ing)?>", re.IGNORECASE)
_PART_OF_TAG = re.compile(r"<(?:/?(?:t(?:h(?:i(?:n(?:k(?:i(?:ng?)?)?)?)?)?)?)?)?\Z", re.IGNORECASE)

_BEGIN_INSIDE = re.compile(r"deepseek-r1|r1-distill|deepseek-reasoner|qwq|\bthinking\b", re.IGNORECASE)
_THINK = re.compile(rf"{_BEGIN_INSIDE.pattern}|qwen3|gpt-oss|magistral|reasoning", re.IGNORECASE)


class Reasoning:
    """Sorts one answer into thoughts and words, however it is cut. `inside`: it begins in the middle of a thought."""

    def __init__(self, *, inside: bool = False) -> None:
        self.unopened = False  # it closed a thought that it had never opened
        self._assumed = inside  # nothing has shown yet that it is inside
        self._inside = inside
        self._tagged = False  # a tag has come
        self._fresh = inside  # nothing but space since the last tag, and that is no part of the answer
        self._held = ""  # what may be the beginning of a tag, ten characters at most

    def separate(self, thought: str) -> list[Token | Thought]:
        """A thought that came in a field of its own: what comes as text is then not one."""
        if self._assumed:
            self._assumed = self._inside = False
        return [Thought(thought)] if thought else []

    def feed(self, text: str) -> list[Token | Thought]:
        """The next piece of text."""
        self._held += text
        sorted_out: list[Token | Thought] = []
        while tag := _TAG.search(self._held):
            sorted_out += self._give(self._held[: tag.start()])
            self._pass(closing=bool(tag[1]))
            self._held = self._held[tag.end() :]
        part = _PART_OF_TAG.search(self._held)
        certain = part.start() if part else len(self._held)
        sorted_out += self._give(self._held[:certain])
        self._held = self._held[certain:]
        return sorted_out

    def end(self) -> list[Token | Thought]:
        """What was held back: it was no tag after all. A thought that was never closed stays one."""
        rest, self._held = self._held, ""
        return self._give(rest)

    def _pass(self, *, closing: bool) -> None:
        if closing and not self._tagged and (self._assumed or not self._inside):
            self.unopened = True
        self._inside, self._assumed, self._tagged, self._fresh = not closing, False, True, True

    def _give(self, text: str) -> list[Token | Thought]:
        if self._fresh:
            text = text.lstrip()
            self._fresh = not text
        if not text:
            return []
        return [Thought(text) if self._inside else Token(text)]


class Habits:
    """What is known of the models of one engine: by their names, and from what they did. Bounded by the models."""

    def __init__(self) -> None:
        self._think: set[str] = set()
        self._unopened: set[str] = set()

    def begins_inside(self, model: str) -> bool:
        """Whether its answers begin in the middle of a thought."""
        return model in self._unopened or bool(_BEGIN_INSIDE.search(model))

    def room(self, model: str) -> int:
        """How many tokens it needs for thinking before it answers."""
        return ROOM if model in self._think or _THINK.search(model) else 0

    def learn(self, model: str, *, thinks: bool, unopened: bool) -> None:
        """What an answer has shown."""
        if thinks:
            self._think.add(model)
        if unopened:
            self._unopened.add(model)


class Answer:
    """One answer as it comes: what of it is thought and what is said, when it is enough, and whether it is any."""

    def __init__(self, who: str, model: str, ask: LlmRequest, habits: Habits, *, thinks: bool = True) -> None:
        """`thinks` False: the model was told not to, and does as it is told."""
        room = habits.room(model) if thinks else 0
        self.max_tokens = ask.max_tokens + room  # for the server
        self.full = False  # it may say no more
        self._who, self._model, self._habits = who, model, habits
        self._reasoning = Reasoning(inside=thinks and habits.begins_inside(model))
        # Thoughts take from the same tokens, so where there is room for them what is said is counted here: a piece is
        # a token with nearly every server, and with those that send letters it is at least as long as so many tokens.
        self._counts = bool(room)
        self._pieces, self._length = ask.max_tokens, ask.max_tokens * SHORT_TOKEN
        self._characters = CHARACTERS_PER_TOKEN * self.max_tokens + 1000
        self._thought = self._said = False

    def feed(self, thought: str, text: str) -> list[Token | Thought]:
        """The next piece, from the field for thoughts and from that for text. Raises `EngineError` if it has no end."""
        self._characters -= len(thought) + len(text)
        if self._characters < 0:
            raise EngineError(f"{self._who} does not end its answer, though it was asked for {self.max_tokens} tokens")
        pieces = self._reasoning.separate(thought) if thought else []
        return self._counted(pieces + self._reasoning.feed(text))

    def end(self) -> list[Token | Thought]:
        """What is left. Raises `EngineError` if nothing was said."""
        pieces = self._counted(self._reasoning.end())
        if not self._said:
            after = "thought until its tokens were used up, and" if self._thought else "came to its end and"
            raise EngineError(f"{self._who} {after} answered nothing")
        return pieces

    def _counted(self, pieces: list[Token | Thought]) -> list[Token | Thought]:
        for piece in pieces:
            if isinstance(piece, Token):
                self._said = True
                self._pieces -= 1
                self._length -= len(piece.text)
            else:
                self._thought = True
        self.full = self._counts and self._pieces <= 0 and self._length <= 0
        self._habits.learn(self._model, thinks=self._thought, unopened=self._reasoning.unopened)
        return pieces
