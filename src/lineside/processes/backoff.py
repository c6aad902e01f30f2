"""How long to wait before something that failed is started again."""

FIRST_SECONDS, MOST_SECONDS = 0.25, 10.0  # each failure doubles the wait up to the most, for ever
HEALTHY_SECONDS = 60.0  # of life after which the wait is short again


class Backoff:
    """Waits that double. Pure."""

    def __init__(self) -> None:
        self._next = FIRST_SECONDS

    def after(self, lived: float) -> float:
        """Seconds to wait now, after a life of so many seconds."""
        wait = FIRST_SECONDS if lived >= HEALTHY_SECONDS else self._next
        self._next = min(2 * wait, MOST_SECONDS)
        return wait
