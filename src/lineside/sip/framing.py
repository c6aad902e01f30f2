"""Messages in a stream (RFC 3261, section 18.3), and the empty lines that keep a connection open (RFC 5626). Pure."""

import re

from lineside.sip.message import LARGEST_STREAMED, BadSip

LENGTH = re.compile(rb"^(?:content-length|l)[ \t]*:[ \t]*(\d{1,9})[ \t]*$", re.IGNORECASE | re.MULTILINE)
PING, PONG = b"\r\n\r\n", b"\r\n"


class StreamFramer:
    """Cuts whole messages from a stream."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.pings = 0  # that came since the last call of `feed` and want a `PONG`

    @property
    def partial(self) -> bool:
        """Whether a message has begun that is not whole yet."""
        return bool(self._buffer.strip(PONG))

    def feed(self, data: bytes) -> list[bytes]:
        """Take what came; answer the messages that are whole now.

        Raises:
            BadSip: the stream cannot be read any further: no Content-Length, or too much of one message.
        """
        self._buffer += data
        self.pings, whole = 0, []
        while (message := self._next()) is not None:
            whole.append(message)
        if len(self._buffer) > LARGEST_STREAMED:
            raise BadSip("message too large")
        return whole

    def _next(self) -> bytes | None:
        buffer = self._buffer
        while buffer[:2] == PONG:
            if buffer[:4] == PING:
                self.pings += 1
                del buffer[:4]
            elif len(buffer) < 4 and PING.startswith(bytes(buffer)):
                return None  # half a ping, or the answer to one
            else:
                del buffer[:2]
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        found = LENGTH.search(bytes(buffer[: end + 1]).replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
        if found is None:
            raise BadSip("no Content-Length in a stream")
        size = end + 4 + int(found[1])
        if size > LARGEST_STREAMED:
            raise BadSip("message too large")
        if len(buffer) < size:
            return None
        message = bytes(buffer[:size])
        del buffer[:size]
        return message
