"""A recogniser that is up and broken hears the same in everything, or nothing in anything. Pure."""

import re

from msgspec import Struct

SUSPICIOUS = 6  # utterances in a row with the same text; callers do say "yes" to six questions, so a trial decides
VOICED = 0.8  # seconds of voice in an utterance in which a recogniser should hear something


class SameAnswers(Struct):
    """How often in a row a recogniser heard the same."""

    text: str | None = None  # what it hears, without case and marks; None: nothing is known
    times: int = 0

    def note(self, text: str, voiced: float) -> bool:
        """Whether it has heard this so often in a row that it should be tried. `voiced`: seconds of the utterance."""
        said = plain(text)
        if not said and voiced < VOICED:
            return False
        self.times = self.times + 1 if said == self.text else 1
        self.text = said
        if self.times < SUSPICIOUS:
            return False
        self.times = 0
        return True


def plain(text: str) -> str:
    """The words alone."""
    return " ".join(re.findall(r"\w+", text.casefold()))
