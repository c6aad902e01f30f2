"""What Whisper makes up when there is nothing to hear: found by its shape, never by a list of phrases."""

import re
import zlib

MOST_WORDS_A_SECOND = 5.0  # 300 words a minute; auctioneers aside, nobody on a telephone says more
LONGEST_BLOCK = 12  # words of a phrase that may be repeated


def compression(text: str) -> float:
    """How many times shorter the text becomes when packed: ordinary speech 0.8 to 1.8, loops above 2.4."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0


def unlooped(text: str, seconds: float) -> str:
    """A phrase said over and over, faster than anybody speaks, is kept once; other repetition is the caller's own."""
    words = text.split()
    if len(words) <= max(2.0, MOST_WORDS_A_SECOND * seconds):
        return text
    plain = [re.sub(r"\W", "", word).casefold() for word in words]
    for size in range(1, min(LONGEST_BLOCK, len(words) // 2) + 1):
        for start in range(len(words) - 2 * size + 1):
            if plain[start : start + size] == plain[start + size : start + 2 * size]:
                rest = start + 2 * size
                while plain[rest : rest + size] == plain[start : start + size][: len(plain[rest : rest + size])] and (
                    rest < len(words)
                ):
                    rest = min(rest + size, len(words))
                return unlooped(" ".join(words[: start + size] + words[rest:]), seconds)
    return text
