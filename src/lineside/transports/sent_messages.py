"""What was sent over a connection that may break, kept for a while to be sent again over the next one. Pure."""

from collections import deque

from lineside.protocol import Clear, ServerMessage

MOST = 4000  # messages that are remembered; older ones are forgotten

Item = bytes | ServerMessage


class SentMessages:
    """The latest messages to one caller, numbered from 0 since their call began."""

    def __init__(self, seconds: float) -> None:
        """`seconds`: how long a message is remembered."""
        self._seconds = seconds
        self._items: deque[tuple[float, Item]] = deque(maxlen=MOST)
        self.number = 0  # of the next message

    def add(self, items: list[Item], now: float) -> None:
        """These were sent."""
        self._items.extend([(now, item) for item in items])
        self.number += len(items)
        while self._items[0][0] < now - self._seconds:
            self._items.popleft()

    def since(self, received: int) -> list[Item]:
        """What came after the first `received` messages, the oldest first, as far as it is remembered."""
        missing = min(max(0, self.number - received), len(self._items))
        return [item for _, item in list(self._items)[len(self._items) - missing :]]


def bytes_to_play(items: "list[Item]") -> int:
    """Bytes of sound that will be played when all of this has come: what stands before a `clear` will not."""
    size = 0
    for item in items:
        if isinstance(item, bytes):
            size += len(item)
        elif isinstance(item, Clear):
            size = 0
    return size
