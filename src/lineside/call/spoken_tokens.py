"""The tokens of an answer, as far as a caller may hear them; of a fast engine, a few at a time. Pure."""

from lineside.text.speakable import Speakable

FIRST = 60  # characters that go on token by token: the caller waits for the first sound, which may begin with a clause
TOGETHER = 0.02  # seconds in which later tokens wait for each other: each costs as much as all of them at once …
ENDS = tuple(".,!?;:…\n。！？")  # … unless a sentence or clause may end with them


class SpokenTokens:
    """What may be spoken of one answer, as soon as it is certain."""

    def __init__(self, language: str = "en") -> None:
        """`language`: what the voice speaks ("en", "pt-BR"); words of another script are dropped."""
        self._door = Speakable(language)
        self._held, self._said = "", 0  # tokens that wait for more; characters that went on
        self._last = 0.0  # when some went on

    def feed(self, token: str, now: float) -> str:
        """The next token; what goes on now, of it and of those that waited."""
        self._held += token
        if self._said > FIRST and now - self._last < TOGETHER and not self._held.rstrip(" ").endswith(ENDS):
            return ""
        self._last = now
        return self.take()

    def take(self) -> str:
        """What waits, at once: no words come now, but a thought, a call, or a failure."""
        held, self._held = self._held, ""
        text = self._door.feed(held) if held else ""
        self._said += len(text)
        return text

    def end(self) -> str:
        """The answer is over: what is left of it."""
        return self.take() + self._door.end()
