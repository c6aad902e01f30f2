"""What the caller hears while an answer is late: somebody is there. Pure."""

FILLERS = ("Let me see.", "Let me check.", "Just a second.")  # one a turn, in turn
MOMENT = "One moment, please."
STILL = "Thanks for waiting, I'm still with you."
SORRY = "I'm sorry, something went wrong on my side. Could you say that again?"
FAREWELL = "I'm sorry, I have to end this call now. Goodbye."  # where an operator ends it
PHRASES = (
    *FILLERS,
    MOMENT,
    STILL,
    SORRY,
    FAREWELL,
)  # synthesised at start-up, so that they can be said when the voice is dead

PATIENCE = 1.6  # seconds of silence after which the caller hears that somebody is there: two are promised


class Fillers:
    """What one reply says while its answer is late: a filler first, then that it takes a moment, then thanks."""

    def __init__(self, turn: int, *, after: float) -> None:
        """`after`: seconds of silence after the end of the turn until the first filler."""
        self._turn, self._after = turn, after
        self.patience = after  # seconds of silence until the next is due
        self._waits = 0  # that lasted so long
        self._thanks = False  # they have heard the answer's beginning, or have been asked to wait

    def answer_sounded(self) -> None:
        """Some of the answer was played."""
        self.patience, self._thanks = PATIENCE, True

    def due(self, *, sounding: bool, question: str | None, writing: bool) -> str:
        """The caller has heard nothing for `patience` seconds: what to say now; empty for nothing.

        A noise, as far as anybody knows, is answered by no filler. And an answer that has begun to be written is said
        sooner than a filler would be over.

        Args:
            sounding: the caller has heard something of this reply.
            question: what the caller said; None if that is not known yet, empty if no words were found.
            writing: the answer has begun to be written.
        """
        first, self._waits = not sounding and not self._waits, self._waits + 1
        self.patience = PATIENCE
        if first and (not question or writing):
            self.patience -= self._after
            return ""
        if first:
            return FILLERS[self._turn % len(FILLERS)]
        phrase, self._thanks = STILL if self._thanks else MOMENT, True
        return phrase
