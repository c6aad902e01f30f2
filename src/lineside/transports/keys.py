"""Keys of a telephone, as lines bring them: one press is one key, however often it is told. Pure; time is handed in."""

KEYS = frozenset("0123456789*#ABCD")
SAME_PRESS = 0.5  # seconds in which a second report of the same key, by another way, is the same press
WAYS = ("rtp", "info", "signal", "inband")  # by which a key may come on one line


class KeyReports:
    """Keys that are told twice by two ways (RFC 4733 and SIP INFO) count once; the first way counts."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, str]] = {}  # key → when and by which way it was last told

    def press(self, key: str, now: float, way: str) -> str | None:
        """A report of a key; the key, if it is a new press."""
        key = key.upper()
        if len(key) != 1 or key not in KEYS:
            return None
        at, by = self._last.get(key, (-SAME_PRESS, way))
        self._last[key] = (now, way) if by == way or now - at >= SAME_PRESS else (at, by)
        return None if by != way and now - at < SAME_PRESS else key
