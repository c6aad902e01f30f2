"""One caller's peer connection: the answer to their offer, sound both ways, messages on their data channel.

aiortc has ICE, DTLS, SRTP and SCTP. Sound is ours: packets go through the jitter buffer of calls over SIP, where
aiortc's holds 300 ms back for good after the first loss, and frames leave at the pacer's ticks, encoded here.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCDtlsTransport,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av.packet import Packet

from lineside.errors import CallRefused
from lineside.protocol import EndReason
from lineside.rtp.packet import RtpPacket
from lineside.transports.webrtc.ice_ports import IcePorts, gather
from lineside.transports.webrtc.offer import BadOffer, checked_offer
from lineside.transports.webrtc.opus import FRAME_TICKS, TIME_BASE
from lineside.transports.work_budget import FRAME_WORK, WorkBudget

log = structlog.get_logger()

CONNECTED_WITHIN = 15.0  # seconds from the answer to the first encrypted packet; then the call is let go of
CLOSED_WITHIN = 5.0  # seconds for the connection to close
DRAIN = 1.0  # seconds for queued sound to leave before the connection is closed
LAST_WORDS = 0.1  # seconds for messages and the last sound to be on their way
UNREAD = 4 << 20  # bytes that wait for a caller who does not read; more ends the call
UNSENT_FRAMES = 10  # of sound that wait for the connection's own task; one more, and the oldest is dropped
CHANNELS = 4  # data channels, of which the first is used; one more ends the call


class WebRtcConnection:
    """One caller's connection."""

    def __init__(self, where: IcePorts) -> None:
        loop = asyncio.get_running_loop()
        self._where = where
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))  # no STUN server is asked
        self._track = _PacedTrack()
        self._channel: RTCDataChannel | None = None
        self._channels = 0
        self._closing = False
        self._budget = WorkBudget(loop.time)
        self.connected: asyncio.Future[None] = loop.create_future()
        self.over: asyncio.Future[EndReason] = loop.create_future()
        self.on_packet: Callable[[RtpPacket], None] = lambda packet: None
        self.on_message: Callable[[bytes | str], None] = lambda message: None
        self.on_open: Callable[[], None] = lambda: None
        self._peer.on("connectionstatechange", self._state_changed)
        self._peer.on("datachannel", self._channel_came)

    async def answer(self, offer: str) -> str:
        """The SDP answer, with sockets open. Raises `BadOffer`, and `CallRefused` where no port is free."""
        offer = checked_offer(offer)
        try:
            self._peer.addTrack(self._track)
            (transceiver,) = self._peer.getTransceivers()
            codecs = RTCRtpReceiver.getCapabilities("audio").codecs  # type: ignore[union-attr]
            transceiver.setCodecPreferences([codec for codec in codecs if codec.mimeType == "audio/opus"])
            await self._peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            _take_packets(transceiver.receiver, self._packet_came)
            await self._gather()
            await self._peer.setLocalDescription()
        except CallRefused:
            raise
        except Exception as no:  # aiortc's parser raises whatever it stumbles over
            log.info("an SDP offer could not be answered", why=repr(no)[:200])
            raise BadOffer("The SDP offer cannot be read. Send what createOffer() gave.") from no
        return str(self._peer.localDescription.sdp)

    async def wait_connected(self) -> bool:
        """Whether the caller connected in time."""
        either: list[asyncio.Future[Any]] = [self.connected, self.over]
        await asyncio.wait(either, timeout=CONNECTED_WITHIN, return_when=asyncio.FIRST_COMPLETED)
        return self.connected.done() and not self.over.done()

    def send_frame(self, payload: bytes, ticks: int) -> None:
        """Send one packet of sound, `ticks` of 20 ms after the beginning."""
        self._track.put(payload, ticks)

    @property
    def open(self) -> bool:
        """Whether messages can be sent."""
        return self._channel is not None and self._channel.readyState == "open"

    def send_message(self, message: str) -> None:
        """Send a message; one that is larger than the caller takes is dropped. A caller who does not read is left."""
        if self._channel is None or self._closing:
            return
        if self._channel.bufferedAmount > UNREAD:
            self.end("caller_not_reading")
            return
        try:
            self._channel.send(message)
        except ValueError as too_large:
            log.warning("a message was larger than the caller takes", why=str(too_large))
        except Exception:  # aiortc's InvalidStateError: the channel closed meanwhile
            self.end("caller_hung_up")

    def end(self, reason: EndReason) -> None:
        """The call is over."""
        if not self.over.done():
            self.over.set_result(reason)

    async def farewell(self, queued: float) -> None:
        """Wait until the last messages are on their way, and so many seconds of sound unless the caller is ended."""
        if not self.over.done():
            await asyncio.sleep(min(queued, DRAIN) + LAST_WORDS)
        elif self.open:
            await asyncio.sleep(LAST_WORDS)

    async def close(self) -> None:
        """Let go of sockets and tasks."""
        self._closing = True
        self._track.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSED_WITHIN):
                await self._peer.close()

    async def _gather(self) -> None:
        for transport in self._transports():
            await gather(transport.transport.iceGatherer._connection, self._where)

    def _transports(self) -> set[RTCDtlsTransport]:
        """One, where the offer bundles sound and data, as all do."""
        found = {transceiver.receiver.transport for transceiver in self._peer.getTransceivers()}
        return found if self._peer.sctp is None else found | {self._peer.sctp.transport}

    def _state_changed(self) -> None:
        state = self._peer.connectionState
        if state == "connected" and not self.connected.done():
            self.connected.set_result(None)
        elif state == "failed":
            self.end("line_lost")
        elif state == "closed":
            self._gone()

    def _gone(self) -> None:
        """The other side has closed; or their consent has run out, and aiortc closes what stands on it."""
        if not self._closing:
            lost = any(transport.transport.iceGatherer._connection._closing for transport in self._transports())
            self.end("line_lost" if lost else "caller_hung_up")

    def _channel_came(self, channel: RTCDataChannel) -> None:
        self._channels += 1
        if self._channels > CHANNELS:
            self.end("too_many_messages")
        if self._channel is not None:
            return
        self._channel = channel
        channel.on("message", self._message_came)
        channel.on("close", self._gone)
        self.on_open()

    def _message_came(self, message: bytes | str) -> None:
        if self.over.done():
            return
        if not self._budget.spend(FRAME_WORK + len(message)):
            self.end("too_many_messages")
            return
        self._hand_on(self.on_message, message)

    def _packet_came(self, packet: RtpPacket) -> None:
        if self.over.done():
            return
        if not self._budget.spend(FRAME_WORK + len(packet.payload)):
            self.end("too_many_messages")
            return
        self._hand_on(self.on_packet, packet)

    def _hand_on(self, take: Callable[[Any], None], came: Any) -> None:
        """A bug of ours ends this call, and not aiortc's task."""
        try:
            take(came)
        except Exception as bug:
            if not self.over.done():
                self.over.set_exception(bug)


class _PacedTrack(MediaStreamTrack):
    """Frames that were encoded already, on their way to aiortc's sender."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._frames: deque[Packet[Any]] = deque(maxlen=UNSENT_FRAMES)
        self._came = asyncio.Event()

    def put(self, payload: bytes, ticks: int) -> None:
        """The next frame."""
        packet = Packet(payload)
        packet.pts, packet.time_base = ticks * FRAME_TICKS, TIME_BASE
        self._frames.append(packet)
        self._came.set()

    def stop(self) -> None:
        """See `MediaStreamTrack`."""
        super().stop()
        self._came.set()

    async def recv(self) -> Any:
        """See `MediaStreamTrack`."""
        while not self._frames:
            if self.readyState != "live":
                raise MediaStreamError
            self._came.clear()
            await self._came.wait()
        return self._frames.popleft()


def _take_packets(receiver: RTCRtpReceiver, take: Callable[[RtpPacket], None]) -> None:
    """Have packets come to us in place of aiortc's jitter buffer; its reports to the caller go on."""
    place = "_RTCRtpReceiver__jitter_buffer"
    if not hasattr(receiver, place):
        raise AttributeError("this version of aiortc keeps its jitter buffer elsewhere")
    setattr(receiver, place, _Tap(take))


class _Tap:
    """In the place of aiortc's jitter buffer: never gives a frame to its decoder."""

    def __init__(self, take: Callable[[RtpPacket], None]) -> None:
        self._take = take

    def add(self, packet: Any) -> tuple[bool, None]:
        """A packet came, decrypted."""
        marker = bool(packet.marker)
        found = RtpPacket(
            packet.payload_type, marker, packet.sequence_number, packet.timestamp, packet.ssrc, packet.payload
        )
        self._take(found)
        return False, None
