"""What becomes of one answer of a language model, token by token: what is shown, and what can be spoken. Pure."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from msgspec import Struct
from msgspec.structs import replace

from lineside.agents.claims import NOT_YET
from lineside.call.greeting_guard import GreetedAgain, GreetingGuard
from lineside.call.repetition_guard import RepetitionGuard, SaidAgain
from lineside.call.spoken_tokens import SpokenTokens
from lineside.engines.protocols import LlmPiece, Thought, Token, ToolCall
from lineside.errors import EngineError
from lineside.text.identifiers import without_identifiers
from lineside.text.sentences import Sentences


class AnswerPiece(Struct, frozen=True):
    """A stretch of the answer that can be synthesised by itself."""

    text: str


class WholeText(Struct, frozen=True):
    """The answer has been written to its end."""

    text: str


AnswerPart = Token | Thought | ToolCall | AnswerPiece | WholeText


class WrittenText:
    """The words of one answer.

    Identifiers of machines are left out. The first piece that it may not say ends the answer (`stopped`), and something
    true is said in its place, unless the model may call tools: then what they bring is what is true. Calls come where
    the model makes them, with no words of theirs.
    """

    def __init__(
        self,
        language: str,
        greeting: str,
        misplaced: Sequence[str],
        may_say: Callable[[str], bool],
        *,
        calls_tools: bool,
    ) -> None:
        """`misplaced`: earlier answers that do not fit the question; like the greeting, none is to be said again."""
        self.stopped = False  # nothing more is wanted of this answer
        self._tokens, self._sentences = SpokenTokens(language), Sentences()
        self._greeted, self._repeated = GreetingGuard(greeting), RepetitionGuard(misplaced)
        self._may_say, self._calls_tools = may_say, calls_tools
        self._text = ""  # that has passed the guards
        self._said = ""  # of it, what may be spoken
        self._forbidden = self._called = False  # a piece was forbidden; a tool is called

    def feed(self, piece: LlmPiece, now: float) -> list[AnswerPart]:
        """The model's next piece. Raises `GreetedAgain` or `SaidAgain`: nothing of the answer has been passed on."""
        if isinstance(piece, Token):
            text = self._tokens.feed(piece.text, now)
            return self._passed(self._guarded(text)) if text else []
        held = self._guarded(self._tokens.take())
        self._called = self._called or isinstance(piece, ToolCall)
        return [*self._passed(held), piece]

    def cut(self) -> list[AnswerPart]:
        """The model has failed: what was written before is told."""
        with suppress(GreetedAgain, SaidAgain):
            return self._passed(self._guarded(self._tokens.take()))
        return []

    def end(self) -> list[AnswerPart]:
        """The answer is over. Raises as `feed` does, and `EngineError` where there is none."""
        held = self._guarded(self._tokens.end())
        held += [passed for token in self._greeted.end() for passed in self._unrepeated(token)]
        held += self._repeated.release() if self._called else self._repeated.end()
        parts = self._passed(held)
        if self.stopped:
            return parts
        if not self._text.strip() and not self._called:
            raise EngineError("the language model answered nothing")
        parts += self._allowed([WholeText(self._text.strip()), *map(AnswerPiece, self._sentences.end())])
        if self._forbidden and not self.stopped:
            parts += self._corrected()
        return parts

    def _guarded(self, text: str) -> list[Token]:
        """What may go on of the model's next words."""
        if not text:
            return []
        return [passed for token in self._greeted.feed(Token(text)) for passed in self._unrepeated(token)]

    def _unrepeated(self, token: Token) -> list[Token]:
        """Who has called a tool is not asked once more: the tool would be called twice."""
        return [*self._repeated.release(), token] if self._called else self._repeated.feed(token)

    def _passed(self, tokens: list[Token]) -> list[AnswerPart]:
        parts: list[AnswerPart] = []
        for token in tokens:
            if self.stopped:
                break
            self._text += token.text
            parts.append(token)
            if pieces := self._sentences.feed(token.text):
                parts += self._allowed([AnswerPiece(piece) for piece in pieces])
        return parts

    def _allowed(self, parts: Sequence[AnswerPiece | WholeText]) -> list[AnswerPart]:
        """What may be said of these; what is said in place of the first that may not."""
        allowed: list[AnswerPart] = []
        for written in parts:
            part = replace(written, text=without_identifiers(written.text))
            if isinstance(part, AnswerPiece):
                if not any(sign.isalnum() for sign in part.text):
                    continue  # it was nothing else
                self._forbidden = self._forbidden or not self._may_say(part.text)
            if self._forbidden and not self._calls_tools:
                self.stopped = True
                return [*allowed, *self._corrected()]
            if not self._forbidden:
                self._said += f" {part.text}" if isinstance(part, AnswerPiece) else ""
                allowed.append(part)
        return allowed

    def _corrected(self) -> list[AnswerPart]:
        if self._called:
            return [WholeText(self._said.strip())]
        return [WholeText(f"{self._said} {NOT_YET}".strip()), AnswerPiece(NOT_YET)]
