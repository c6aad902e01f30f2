"""Keeps what a model thinks apart from what it says: thoughts are shown, never spoken.

Servers send reasoning in a field of its own (`message.thinking` in Ollama, `reasoning_content` or `reasoning` in
OpenAI-shaped streams), or in the middle of the text, marked as `text.thoughts` knows. Some chat templates end the
prompt with `<think>`, so that only the closing tag ever comes (DeepSeek-R1 issue 352, the model card of
Qwen3-Thinking-2507). Which models do is known by their names; a model that is not known is believed to speak until its
first unopened `</think>`, and known from then on. Waiting for that tag instead would make every answer late.
"""

import re
from collections.abc import Sequence

from lineside.engines.protocols import LlmPiece, LlmRequest, Thought, Token, ToolCall
from lineside.engines.tool_calls import CALL_ROOM, CallsInText
from lineside.errors import EngineError, OnlyThoughts
from lineside.text.thoughts import ThoughtSplitter

ROOM = 1000  # tokens for thinking, on top of the answer's: a model that runs out of them has answered nothing
CHARACTERS_PER_TOKEN = 64  # more than any tokeniser gives on average; an answer beyond that has no end
SHORT_TOKEN = 3  # characters; the tokens of ordinary words have four and more

_BEGIN_INSIDE = re.compile(r"deepseek-r1|r1-distill|deepseek-reasoner|qwq|\bthinking\b", re.IGNORECASE)
_THINK = re.compile(
    rf"{_BEGIN_INSIDE.pattern}|qwen3|gpt-oss|magistral|reasoning|seed-oss|glm-(?:4\.[5-9]|z1)|kimi-k2-think|minimax-m"
    r"|exaone-deep|nemotron|phi-4-mini-r|\br1\b|\bo[134]\b|gpt-5",
    re.IGNORECASE,
)


class Reasoning:
    """Sorts one answer into thoughts and words, however it is cut. `inside`: it begins in the middle of a thought."""

    def __init__(self, *, inside: bool = False) -> None:
        self._splitter = ThoughtSplitter(inside=inside)

    @property
    def unopened(self) -> bool:
        """Whether the answer closed a thought that it had never opened."""
        return self._splitter.unopened

    def separate(self, thought: str) -> list[Token | Thought]:
        """A thought that came in a field of its own: what comes as text is then not one."""
        self._splitter.outside()
        return [Thought(thought)] if thought else []

    def feed(self, text: str) -> list[Token | Thought]:
        """The next piece of text."""
        return _pieces(self._splitter.feed(text))

    def end(self) -> list[Token | Thought]:
        """What was held back: it was no marker after all. A thought that was never closed stays one."""
        return _pieces(self._splitter.end())


def _pieces(split: list[tuple[bool, str]]) -> list[Token | Thought]:
    return [Thought(text) if thought else Token(text) for thought, text in split]


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
        room = (habits.room(model) if thinks else 0) + (CALL_ROOM if ask.tools else 0)
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
        self._calls = CallsInText(ask.tools) if ask.tools else None

    def feed(self, thought: str, text: str) -> list[Token | Thought]:
        """The next piece, from the field for thoughts and from that for text. Raises `EngineError` if it has no end."""
        self._characters -= len(thought) + len(text)
        if self._characters < 0:
            raise EngineError(f"{self._who} does not stop answering; the limit was {self.max_tokens} tokens")
        pieces = self._reasoning.separate(thought) if thought else []
        return self._counted(self._words(pieces + self._reasoning.feed(text)))

    def end(self, calls: Sequence[ToolCall] = ()) -> list[LlmPiece]:
        """What is left, then the calls: `calls`, as the server tells them apart, or those that stand in the text.

        Raises `OnlyThoughts` if there was nothing but thoughts, `EngineError` if nothing at all.
        """
        rest = self._words(self._reasoning.end())
        if self._calls is not None:
            words, in_text = self._calls.end()
            calls = calls or in_text
            rest += [Token(words)] if words and not calls else []
        pieces: list[LlmPiece] = [*self._counted(rest), *calls]
        if self._said or calls:
            return pieces
        if self._thought:
            raise OnlyThoughts(f"{self._who} used all its tokens for reasoning and gave no answer")
        raise EngineError(f"{self._who} gave an empty answer")

    def _words(self, pieces: list[Token | Thought]) -> list[Token | Thought]:
        """The same without what is, or may be, a call that stands in the text."""
        if self._calls is None:
            return pieces
        kept = [Token(self._calls.feed(piece.text)) if isinstance(piece, Token) else piece for piece in pieces]
        return [piece for piece in kept if piece.text]

    def _counted(self, pieces: list[Token | Thought]) -> list[Token | Thought]:
        for piece in pieces:
            if isinstance(piece, Token):
                self._said = self._said or not piece.text.isspace()
                self._pieces -= 1
                self._length -= len(piece.text)
            else:
                self._thought = True
        self.full = self._counts and self._pieces <= 0 and self._length <= 0
        self._habits.learn(self._model, thinks=self._thought, unopened=self._reasoning.unopened)
        return pieces
