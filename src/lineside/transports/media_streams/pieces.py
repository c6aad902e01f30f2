"""Our sound in the pieces that a carrier takes. Pure."""

from lineside.transports.media_streams.dialect import StreamShape


class SoundPieces:
    """What waits until a piece is full, and the pieces. Carriers drop, or play with gaps, what is cut otherwise."""

    def __init__(self, shape: StreamShape, silence: bytes) -> None:
        """`silence` is one byte of it, or the two of a sample."""
        self._shape, self._silence = shape, silence
        self._rest = b""

    @property
    def waiting(self) -> bool:
        """Whether something waits for more."""
        return bool(self._rest)

    def put(self, payload: bytes) -> list[bytes]:
        """The pieces that are full now."""
        shape, data = self._shape, self._rest + payload
        if len(data) < shape.least:
            self._rest = data
            return []
        whole = len(data) - len(data) % shape.multiple
        self._rest = data[whole:]
        most = max(shape.multiple, shape.most - shape.most % shape.multiple)
        return [data[at : min(at + most, whole)] for at in range(0, whole, most)]

    def flush(self) -> list[bytes]:
        """Nothing more comes for now: what waits, filled up with silence."""
        if not self._rest:
            return []
        shape, rest = self._shape, self._rest
        size = max(shape.least, len(rest))
        size += -size % shape.multiple
        self._rest = b""
        fill = self._silence * (size // len(self._silence) + 1)
        return [rest + fill[: size - len(rest)]]

    def clear(self) -> None:
        """Forget what waits."""
        self._rest = b""
