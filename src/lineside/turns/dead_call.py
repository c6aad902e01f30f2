"""When a call has come to nothing: nobody says a word, the same is said again and again, no answer comes about. Pure.

Hold music is heard as sounds without words; an announcement, a mailbox or another machine says the same sentence for
ever, and would be answered for ever; engines that are dead can only be apologised for. None of that is noticed by
timers, for somebody speaks all the time.
"""

from lineside.protocol import EndReason
from lineside.text.alignment import alike

WORDLESS = 3  # turns in a row in which nobody said a word: that is silence, however loud
REPEATS = 5  # times in a row that a caller says the same; people put it in other words sooner
WORDS = 4  # a shorter sentence may be said again: "yes" to five questions
FAILURES = 5  # answers in a row that ended in an apology


class DeadCallDetector:
    """Of one call. Fed with what was understood and what became of it."""

    def __init__(self) -> None:
        self._wordless = self._repeats = self._failures = 0
        self._said = ""

    def heard(self, words: str) -> None:
        """What the caller's turn turned out to say."""
        self._wordless = 0 if words else self._wordless + 1
        if not words:
            return
        same = len(words.split()) >= WORDS and alike(words, self._said)
        self._said, self._repeats = words, self._repeats + 1 if same else 1

    def answered(self, *, failed: bool) -> None:
        """A reply has been heard to its end."""
        self._failures = self._failures + 1 if failed else 0

    def asked(self) -> None:
        """They have been asked whether they are there: that is worth some turns again."""
        self._wordless = 0

    @property
    def nobody(self) -> bool:
        """Whether it is as if nobody had spoken."""
        return self._wordless >= WORDLESS

    @property
    def lost(self) -> EndReason | None:
        """Why there is no use in going on; None while there is."""
        if self._failures >= FAILURES:
            return "engines_failed"
        return "caller_repeats" if self._repeats >= REPEATS else None
