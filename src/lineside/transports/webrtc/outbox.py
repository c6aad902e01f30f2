"""Messages for one caller's program over its data channel, in order; those that come before it is open wait for it."""

from collections import deque

from lineside.transports.webrtc.connection import WebRtcConnection

EARLY = 500  # messages that wait for a data channel which is not open yet; one more, and the oldest is dropped


class ChannelOutbox:
    """The messages of one call."""

    def __init__(self, connection: WebRtcConnection) -> None:
        self._connection = connection
        self._early: deque[str] = deque(maxlen=EARLY)
        connection.on_open = self._opened

    def put(self, message: str) -> None:
        """A message."""
        if self._connection.open:
            self._connection.send_message(message)
        else:
            self._early.append(message)

    def _opened(self) -> None:
        while self._early:
            self._connection.send_message(self._early.popleft())
