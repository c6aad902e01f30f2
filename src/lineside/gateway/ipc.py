"""The wire between a gateway and one of its workers: whole messages, and now and then an open socket with one.

A pair of Unix sockets that keep the bounds of what is sent (SOCK_SEQPACKET, man 7 unix). It ends when either process
does, however that ended, and the kernel tells the other. Nothing here waits: what the other does not take at once stays
in a bounded queue.
"""

import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable

import msgspec
from msgspec import Raw, Struct

from lineside.agents.agent import Agent
from lineside.call.supervision import OperatorOrder
from lineside.protocol import Codec, EndReason
from lineside.realtime.opening import RealtimeOpening
from lineside.records.recorder import RecordedStretch
from lineside.transports.call_facts import CallFacts

LARGEST = 160 * 1024  # bytes of one message; Linux takes 200 kB by default (net.core.wmem_default)
BEAT = 1.0  # seconds
WAITING = 10_000  # messages that the other has not taken; with one more it is taken for dead


class StartWorker(Struct, frozen=True, tag=True):
    """To a worker: what it is to be."""

    settings: Raw  # JSON
    agent: Agent


class AssignCall(Struct, frozen=True, tag=True):
    """To a worker: this call is yours. Its socket comes with it."""

    call: str
    key: str  # `Sec-WebSocket-Key`
    realtime: RealtimeOpening | None = None  # its caller is a client of the Realtime API


class ResumeCall(Struct, frozen=True, tag=True):
    """To a worker: somebody says that they are the caller of this call of yours. Their socket comes with it."""

    call: str
    key: str  # `Sec-WebSocket-Key`


class EndCall(Struct, frozen=True, tag=True):
    """To a worker: end this call."""

    call: str
    reason: EndReason


class FollowCall(Struct, frozen=True, tag=True):
    """To a worker: somebody follows this call now, or nobody does."""

    call: str
    follow: bool


class Supervise(Struct, frozen=True, tag=True):
    """To a worker: an operator does this in a call of yours."""

    call: str
    order: OperatorOrder


class SetAgent(Struct, frozen=True, tag=True):
    """To a worker: this one answers from the next call on."""

    agent: Agent


class KeepDraft(Struct, frozen=True, tag=True):
    """To a worker: calls may name this draft."""

    draft: str
    agent: Agent


class WorkerReady(Struct, frozen=True, tag=True):
    """From a worker: it takes calls."""


class Heartbeat(Struct, frozen=True, tag=True):
    """From a worker, once in `BEAT`: its event loop goes round."""


class AgentSet(Struct, frozen=True, tag=True):
    """From a worker: it has, or why not."""

    trouble: str = ""


class CallAnswered(Struct, frozen=True, tag=True):
    """From a worker: it is a call now."""

    call: str
    facts: CallFacts
    codec: Codec
    rate: int
    engines: dict[str, str]


class CallEvent(Struct, frozen=True, tag=True):
    """From a worker: its caller was told this."""

    call: str
    event: Raw


class CallSound(Struct, frozen=True, tag=True):
    """From a worker: what was heard in a call that somebody listens to."""

    call: str
    stretch: RecordedStretch


class CallFinished(Struct, frozen=True, tag=True):
    """From a worker: the call is gone."""

    call: str


IpcMessage = (
    StartWorker
    | AssignCall
    | ResumeCall
    | EndCall
    | FollowCall
    | Supervise
    | SetAgent
    | KeepDraft
    | WorkerReady
    | Heartbeat
    | AgentSet
    | CallAnswered
    | CallEvent
    | CallSound
    | CallFinished
)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(IpcMessage).decode


def pair() -> tuple[socket.socket, socket.socket]:
    """Both ends."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


class WorkerChannel:
    """One end. `on_message` gets each message, with a socket's number where one came; `on_closed` is called last."""

    def __init__(
        self, end: socket.socket, on_message: Callable[[IpcMessage, int | None], None], on_closed: Callable[[], None]
    ) -> None:
        self._end, self._on_message, self._on_closed = end, on_message, on_closed
        self._loop = asyncio.get_running_loop()
        self._unsent: deque[tuple[bytes, int | None]] = deque()
        self._open = True
        end.setblocking(False)
        self._loop.add_reader(end.fileno(), self._read)

    def send(self, message: IpcMessage, sock: int | None = None) -> bool:
        """Send a message, and a copy of an open socket with it, whose number stays the caller's to close.

        False when nobody hears it any more, or when it is too long.
        """
        data = _encode(message)
        if not self._open or len(data) > LARGEST:
            return False
        if self._unsent:
            if len(self._unsent) >= WAITING:
                self.close()
                return False
            self._unsent.append((data, None if sock is None else os.dup(sock)))
            return True
        try:
            self._send(data, sock)
        except BlockingIOError:
            self._unsent.append((data, None if sock is None else os.dup(sock)))
            self._loop.add_writer(self._end.fileno(), self._drain)
        except OSError:
            self.close()
        return self._open

    def close(self) -> None:
        """End it, for both sides."""
        if not self._open:
            return
        self._open = False
        self._loop.remove_reader(self._end.fileno())
        self._loop.remove_writer(self._end.fileno())
        self._end.close()
        for _, sock in self._unsent:
            if sock is not None:
                os.close(sock)
        self._unsent.clear()
        self._on_closed()

    def _send(self, data: bytes, sock: int | None) -> None:
        socket.send_fds(self._end, [data], [] if sock is None else [sock])

    def _drain(self) -> None:
        while self._unsent:
            data, sock = self._unsent[0]
            try:
                self._send(data, sock)
            except BlockingIOError:
                return
            except OSError:
                self.close()
                return
            self._unsent.popleft()
            if sock is not None:
                os.close(sock)
        self._loop.remove_writer(self._end.fileno())

    def _read(self) -> None:
        while self._open:
            try:
                data, socks, _, _ = socket.recv_fds(self._end, LARGEST + 1, 1)
            except BlockingIOError:
                return
            except OSError:
                data, socks = b"", []
            if not data:
                self.close()
                return
            self._on_message(_decode(data), socks[0] if socks else None)
