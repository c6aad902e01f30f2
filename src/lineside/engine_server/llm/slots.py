"""Which slot of the language model answers which conversation.

A slot keeps what it read last and reads only what is new, at some hundred tokens a second on two cores. So a
conversation goes back to the slot that knows most of it, and a new one takes the slot that was idle longest.
"""

import msgspec

GRAIN = 64  # characters; smaller differences are read in a tenth of a second, and the idle slot is worth more


class _Slot(msgspec.Struct):
    number: int
    read: str = ""
    free: bool = True
    last_used: int = 0


class Slots:
    """Pure: it decides, and is told what came of it."""

    def __init__(self, count: int) -> None:
        self._slots = [_Slot(number) for number in range(count)]
        self._clock = 0

    def take(self, text: str, cached: int = 0) -> tuple[int, bool]:
        """A free slot for this conversation, and whether the cache knows more of it than the slot does.

        `cached` is how many characters of `text` lie ready in the cache, for any slot. The caller has made sure that
        one is free.
        """
        known = {slot.number: shared(slot.read, text) // GRAIN for slot in self._slots if slot.free}
        ready = cached // GRAIN
        best = max(known, key=lambda number: (max(known[number], ready), -self._slots[number].last_used))
        self._slots[best].free = False
        return best, known[best] < ready

    def give(self, number: int, text: str) -> None:
        """The slot is free again, and has read this."""
        self._clock += 1
        slot = self._slots[number]
        slot.read, slot.free, slot.last_used = text, True, self._clock


def shared(one: str, other: str) -> int:
    """How many characters both begin with."""
    same, different = 0, min(len(one), len(other)) + 1
    while different - same > 1:  # by halves, because comparing slices is the one fast way
        middle = (same + different) // 2
        if one[same:middle] == other[same:middle]:
            same = middle
        else:
            different = middle
    return same
