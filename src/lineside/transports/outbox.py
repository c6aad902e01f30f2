"""What waits to leave for a caller's program: sound and events, in order. Nothing put here waits for the network."""

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import islice

from lineside.errors import TransportError
from lineside.protocol import EndReason, LlmToken, ReasoningToken, ServerMessage, encode
from lineside.transports.base import AudioMeter
from lineside.transports.sent_messages import SentMessages, bytes_to_play
from lineside.transports.websocket import WebSocket
from lineside.transports.websocket_frames import BINARY, TEXT, framed

OUTBOX = 4000  # messages waiting for a caller who does not read; one more ends the call
AT_ONCE = 32  # messages in one write; then it is looked whether the socket takes more
PATIENT = (LlmToken, ReasoningToken)  # what nobody is in a hurry for
TOKENS_WAIT = 0.02  # seconds that a token waits for others, or for sound: a write costs more than all else about it


class Outbox:
    """The messages for one WebSocket, written once a step of the event loop."""

    def __init__(
        self,
        ws: WebSocket,
        meter: AudioMeter,
        bytes_per_second: int,
        over: "asyncio.Future[EndReason]",
        sent: SentMessages | None = None,
    ) -> None:
        """`over` is told when the caller does not read, and the socket is cut. A callback would make a circle.

        `sent` remembers what was sent, where the call may go on over another socket.
        """
        self._ws, self._meter, self._bytes_per_second, self._over = ws, meter, bytes_per_second, over
        loop = asyncio.get_running_loop()
        self._soon, self._later, self._clock = loop.call_soon, loop.call_later, loop.time
        self._sent = sent
        self._waiting: deque[bytes | ServerMessage] = deque()
        self._uncounted: list[int] = []  # bytes of sound that left, a second of them at the most
        self._set = False  # what waits will be written at once
        self._set_later = False  # … or soon

    def put(self, item: bytes | ServerMessage) -> None:
        """Sound in the line's codec, or an event."""
        waiting = self._waiting
        if len(waiting) >= OUTBOX:
            if not self._over.done():
                why = f"more than {OUTBOX} messages wait to be read by the caller"
                self._over.set_exception(TransportError("caller_not_reading", why))
            self._ws.abort()
            return
        waiting.append(item)
        if self._set or not self._ws.writable:
            return
        if not isinstance(item, PATIENT):
            self._set = True
            self._soon(self.flush)
        elif not self._set_later:
            self._set_later = True
            self._later(TOKENS_WAIT, self._flush_tokens)

    def count(self) -> None:
        """Tell the meter of the sound that left since it was told last: once a second, and at the end."""
        if sounds := self._uncounted:
            self._meter.sent(sum(sounds) / self._bytes_per_second, len(sounds))
            self._uncounted = []

    def forget_sound(self) -> None:
        """The sound that has not left is not to be heard; events stay."""
        self._waiting = deque(item for item in self._waiting if not isinstance(item, bytes))

    def flush(self) -> None:
        """Everything that waits as one stretch of bytes; what cannot leave waits until the socket is free again."""
        self._set = False
        waiting, sent, now = self._waiting, self._sent, self._clock()
        while waiting and self._ws.writable:
            items = list(islice(waiting, AT_ONCE))
            if len(items) == len(waiting):
                waiting.clear()  # as nearly always: all at once
            else:
                for _ in items:
                    waiting.popleft()
            if sounds := [len(item) for item in items if type(item) is bytes]:
                self._uncounted.extend(sounds)
                if sum(self._uncounted) > self._bytes_per_second:
                    self.count()
            if sent is not None:
                sent.add(items, now)
            self._ws.write(b"".join(_framed(items)))

    def move_to(self, ws: WebSocket, received: int, welcome: Callable[[int], ServerMessage]) -> float:
        """Go on over another socket.

        Args:
            ws: the new one.
            received: how many messages the caller has.
            welcome: makes the first message over it, given the number of the message that follows.

        Returns:
            Seconds of sound that the caller had not received, and will hear now.
        """
        self._ws = ws
        again = self._sent.since(received) if self._sent is not None else []
        number = self._sent.number - len(again) if self._sent is not None else 0
        ws.write(b"".join(_framed([welcome(number), *again])))
        return bytes_to_play([*again, *self._waiting]) / self._bytes_per_second

    def _flush_tokens(self) -> None:
        self._set_later = False
        self.flush()


def _framed(items: list[bytes | ServerMessage]) -> list[bytes]:
    return [framed(BINARY, item) if type(item) is bytes else framed(TEXT, encode(item)) for item in items]
