"""What Whisper makes up when there is nothing to hear: found by its shape and its doubts, never by a list of phrases.

The bounds were measured with the base model on silence, white noise, hum, tones, clicks, barks, telephone bells and
babble on one side, and on short words in quiet and in noise on the other. Nobody speaking: no_speech 0.18 to 0.84, and
either a mean log-probability under -1.2 or a phrase said over and over. Speech, down to a lone "yes": no_speech under
0.25, log-probability over -1.2.
"""

import re
import zlib

from msgspec import Struct

MAYBE_NOBODY = 0.25  # no_speech
UNSURE = -1.2  # mean natural log-probability of the tokens
NOBODY, DOUBTFUL = 0.6, -1.0  # the model's authors' own pair (openai/whisper, transcribe.py: its two thresholds)
PACKED = 2.4  # the authors' bound for a text that can only be a loop
WORDS_A_SECOND = 5.0  # 300 a minute; auctioneers aside, nobody says more
LONGEST_PHRASE = 40  # words of a phrase that is looked for: a sentence, however long, may be said twice
LOOP = 3  # copies


class RepeatedPhrase(Struct, frozen=True):
    """A phrase said several times on end; the last copy may be broken off."""

    start: int  # word
    size: int  # words
    end: int  # word after the last copy

    @property
    def copies(self) -> int:
        """Whole ones."""
        return (self.end - self.start) // self.size


def believable(said: str, seconds: float, no_speech: float, avg_logprob: float) -> str:
    """What of the text the caller can have said in so many seconds; empty if nobody spoke."""
    if (no_speech > MAYBE_NOBODY and avg_logprob < UNSURE) or (no_speech > NOBODY and avg_logprob < DOUBTFUL):
        return ""
    words = said.split()
    while loop := find_loop(words):
        too_fast = len(words) > max(2.0, WORDS_A_SECOND * seconds)
        if no_speech > MAYBE_NOBODY and (loop.copies >= LOOP or too_fast):
            return ""
        if not too_fast:
            break  # callers do say things twice
        words = words[: loop.start + loop.size] + words[loop.end :]
    text = " ".join(words)
    said_twice = loop is not None and loop.copies < LOOP  # at a speed that a caller can speak
    return "" if compression(text) > PACKED and not said_twice else text


def find_loop(words: list[str]) -> RepeatedPhrase | None:
    """The phrase with the most copies one after the other, ignoring case and punctuation."""
    plain = [re.sub(r"\W", "", word).casefold() for word in words]
    best = None
    for size in range(1, min(LONGEST_PHRASE, len(plain) // 2) + 1):
        start = 0
        while start + 2 * size <= len(plain):
            end = start + size
            while end < len(plain) and plain[end] == plain[end - size]:
                end += 1
            found = RepeatedPhrase(start, size, end)
            if found.copies > (best.copies if best else 1):
                best = found
            start = max(start + 1, end - size + 1)
    return best


def compression(text: str) -> float:
    """How many times shorter the text becomes when packed: ordinary speech 0.3 to 1.8, loops above 2.4."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0
