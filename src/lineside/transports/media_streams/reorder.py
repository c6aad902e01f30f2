"""Sound that comes out of order, put in order: Telnyx does not promise the order of its messages. Pure."""

WINDOW = 3  # messages of 20 ms that are waited for one that is missing


class Reorder:
    """Hands pieces on in the order of their numbers; waits a little for one that is missing, drops a late one."""

    def __init__(self) -> None:
        self._next: int | None = None
        self._held: dict[int, bytes] = {}
        self.late = self.missing = 0

    def put(self, number: int, payload: bytes) -> list[bytes | None]:
        """The pieces that are due now; None stands for one that never came. `number` 0: it has no place."""
        if number <= 0:
            return [payload]
        if self._next is None:
            self._next = number
        if number < self._next or number in self._held:
            self.late += 1
            return []
        if number - self._next > 50 * WINDOW:  # a new count: nobody waits for seconds of sound
            self._held.clear()
            self._next = number
        self._held[number] = payload
        due: list[bytes | None] = []
        while self._held:
            if self._next in self._held:
                due.append(self._held.pop(self._next))
            elif max(self._held) - self._next >= WINDOW:
                self.missing += 1
                due.append(None)
            else:
                break
            self._next += 1
        return due
