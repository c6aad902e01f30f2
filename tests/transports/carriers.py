"""Far ends of carriers' media streams: the messages as their documents show them, and a buffer that plays.

Nobody here was at a carrier: these are fakes of what is documented, with each one's quirks.
"""

import asyncio
import base64
import json
from collections import deque
from collections.abc import Callable
from typing import Any

from lineside.protocol import EndReason
from lineside.transports.base import AudioMeter
from lineside.transports.line_control import Ability, CallLeg, OnlyHangsUp
from lineside.transports.media_streams.asterisk import AsteriskDialect
from lineside.transports.media_streams.dialect import StreamDialect
from lineside.transports.media_streams.exotel import ExotelDialect
from lineside.transports.media_streams.plivo import PlivoDialect
from lineside.transports.media_streams.signalwire import SignalWireDialect
from lineside.transports.media_streams.stream import MediaStream, started
from lineside.transports.media_streams.telnyx import TelnyxDialect
from lineside.transports.media_streams.twilio import TwilioDialect
from lineside.transports.media_streams.vonage import VonageDialect
from lineside.transports.media_streams.warm_stream import ColleagueLeg, WarmStream
from lineside.transports.websocket import WebSocket
from lineside.transports.websocket_frames import BINARY, CLOSE, TEXT
from tests.transports.test_websocket import Wire
from tests.transports.test_websocket_frames import sent
from tests.transports.wires import server_frames

Spoken = tuple[str, Any]  # ("sound", bytes), ("mark", name), ("clear", None)


class Carrier:
    """How one carrier writes and reads. The examples of its documents, with what varies put in."""

    echoes_cleared = True  # marks that are pending at a clear come back at once
    stops = True  # there is a message for the end
    has_keys = True
    binary = False
    by_message = False  # the call is ended by a message on the socket

    def __init__(self) -> None:
        self.sequence = 1

    def dialect(self) -> StreamDialect:
        raise NotImplementedError

    def opening(self) -> list[str]:
        raise NotImplementedError

    def media(self, payload: bytes, number: int) -> str | bytes:
        raise NotImplementedError

    def digit(self, key: str) -> str:
        raise NotImplementedError

    def marked(self, name: str) -> str:
        raise NotImplementedError

    def cleared(self, name: str) -> str:
        """A mark that comes back because all was cleared."""
        return self.marked(name)

    def stop(self) -> str:
        raise NotImplementedError

    def read(self, kind: int, payload: bytes) -> Spoken:
        raise NotImplementedError

    def second(self) -> int:
        """Bytes of a second of sound, as it is sent to the carrier."""
        return 8000


class Twilio(Carrier):
    """twilio.com/docs/voice/media-streams/websocket-messages"""

    sid = "MZ18ad3ab5a668481ce02b83e7395059f0"
    encoding, rate = "audio/x-mulaw", 8000

    def dialect(self) -> StreamDialect:
        return TwilioDialect()

    def opening(self) -> list[str]:
        return [
            '{"event": "connected","protocol": "Call","version": "1.0.0"}',
            '{"event": "start","sequenceNumber": "1","start": {"accountSid": "ACXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",'
            f'"streamSid": "{self.sid}","callSid": "CAXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX","tracks": ["inbound"],'
            f'"mediaFormat": {{"encoding": "{self.encoding}","sampleRate": {self.rate},"channels": 1}},'
            f'"customParameters": {{"campaign": "7"}}}},"streamSid": "{self.sid}"}}',
        ]

    def media(self, payload: bytes, number: int) -> str | bytes:
        return (
            f'{{"event": "media","sequenceNumber": "{number + 2}","media": {{"track": "inbound","chunk": "{number}",'
            f'"timestamp": "{20 * number}","payload": "{base64.b64encode(payload).decode()}"}},"streamSid": "{self.sid}"}}'
        )

    def digit(self, key: str) -> str:
        return (
            f'{{"event": "dtmf","streamSid": "{self.sid}","sequenceNumber": "5",'
            f'"dtmf": {{"track": "inbound_track","digit": "{key}"}}}}'
        )

    def marked(self, name: str) -> str:
        return f'{{"event": "mark","sequenceNumber": "4","streamSid": "{self.sid}","mark": {{"name": {json.dumps(name)}}}}}'

    def stop(self) -> str:
        return (
            f'{{"event": "stop","sequenceNumber": "5","streamSid": "{self.sid}",'
            '"stop": {"accountSid": "ACXX","callSid": "CAXX"}}'
        )

    def read(self, kind: int, payload: bytes) -> Spoken:
        assert kind == TEXT, "error 31924 at Twilio"
        it = json.loads(payload)
        assert it.pop("streamSid") == self.sid
        match it:
            case {"event": "media", "media": {"payload": sound}}:
                return "sound", base64.b64decode(sound, validate=True)
            case {"event": "mark", "mark": {"name": name}}:
                return "mark", name
            case {"event": "clear"}:
                return "clear", None
        raise AssertionError(f"error 31924: {it}")


class SignalWire(Twilio):
    """developer.signalwire.com/compatibility-api/cxml/voice/stream, codec L16@16000h"""

    encoding, rate = "L16@16000h", 16_000

    def dialect(self) -> StreamDialect:
        return SignalWireDialect()

    def second(self) -> int:
        return 32_000


class Telnyx(Carrier):
    """developers.telnyx.com/api-reference/websockets/stream-call-media-over-websocket"""

    sid = "32DE0DEA-53CB-4B21-89A4-9E1819C043BC"

    def __init__(self, encoding: str = "PCMU") -> None:
        super().__init__()
        self.encoding = encoding

    def dialect(self) -> StreamDialect:
        return TelnyxDialect()

    def opening(self) -> list[str]:
        return [
            '{"event":"connected","version":"1.0.0"}',
            f'{{"event":"start","sequence_number":"1","start":{{"user_id":"3E6F995F-85F7-4705-9741-53B116D28237",'
            '"call_control_id":"v2:T02llQxIyaRkhfRKxgAP8nY511EhFLizdvdUKJiSw8d6A9BborherQ",'
            '"call_session_id":"ff55a038-6f5d-11ef-9692-02420aeffb1f","from":"+13122010094","to":"+13122123456",'
            '"client_state":"aGF2ZSBhIG5pY2UgZGF5ID1d","custom_parameters":{"first":"1"},'
            f'"media_format":{{"encoding":"{self.encoding}","sample_rate":8000,"channels":1}}}},"stream_id":"{self.sid}"}}',
        ]

    def media(self, payload: bytes, number: int) -> str | bytes:
        return (
            f'{{"event":"media","sequence_number":"{number + 3}","media":{{"track":"inbound","chunk":"{number}",'
            f'"timestamp":"{20 * number}","payload":"{base64.b64encode(payload).decode()}"}},"stream_id":"{self.sid}"}}'
        )

    def digit(self, key: str) -> str:
        return (
            f'{{"event":"dtmf","stream_id":"{self.sid}","occurred_at":"2024-09-01T00:00:00Z","sequence_number":"5",'
            f'"dtmf":{{"digit":"{key}"}}}}'
        )

    def marked(self, name: str) -> str:
        return f'{{"event":"mark","sequence_number":"9","stream_id":"{self.sid}","mark":{{"name":{json.dumps(name)}}}}}'

    def stop(self) -> str:
        return (
            '{"event":"stop","sequence_number":"5","stop":{"user_id":"3E6F995F","call_control_id":"v2:T02l"},'
            f'"stream_id":"{self.sid}"}}'
        )

    def read(self, kind: int, payload: bytes) -> Spoken:
        assert kind == TEXT
        match json.loads(payload):
            case {"event": "media", "media": {"payload": sound}}:
                data = base64.b64decode(sound, validate=True)
                assert 160 <= len(data) <= 240_000, "20 ms to 30 s"
                return "sound", data
            case {"event": "mark", "mark": {"name": name}}:
                return "mark", name
            case {"event": "clear"}:
                return "clear", None
        raise AssertionError(payload)


class Plivo(Carrier):
    """plivo.com/docs/voice/xml/the-stream-element: no message for the end"""

    echoes_cleared, stops = False, False
    sid = "20170ada-f610-433b-8758-c02a2aab3662"

    def __init__(self, kind: str = "audio/x-mulaw", rate: int = 8000) -> None:
        super().__init__()
        self.kind, self.rate = kind, rate

    def dialect(self) -> StreamDialect:
        return PlivoDialect()

    def second(self) -> int:
        return self.rate * (2 if self.kind == "audio/x-l16" else 1)

    def opening(self) -> list[str]:
        return [
            f'{{"sequenceNumber":0,"event":"start","start":{{"callId":"5ec6a3d2-5e3d","streamId":"{self.sid}",'
            f'"accountId":"10","tracks":["inbound"],"mediaFormat":{{"encoding":"{self.kind}","sampleRate":{self.rate}}}}},'
            '"extra_headers":"{campaign: 7}"}'
        ]

    def media(self, payload: bytes, number: int) -> str | bytes:
        return (
            f'{{"sequenceNumber":{number},"streamId":"{self.sid}","event":"media","media":{{"track":"inbound",'
            f'"timestamp":"{20 * number}","chunk":{number},"payload":"{base64.b64encode(payload).decode()}"}},'
            '"extra_headers":"{campaign: 7}"}'
        )

    def digit(self, key: str) -> str:
        return (
            f'{{"event":"dtmf","sequenceNumber":"1","streamId":"{self.sid}",'
            f'"dtmf":{{"track":"inbound","digit":"{key}","timestamp":"1"}}}}'
        )

    def marked(self, name: str) -> str:
        return f'{{"event":"playedStream","streamId":"{self.sid}","name":{json.dumps(name)}}}'

    def read(self, kind: int, payload: bytes) -> Spoken:
        assert kind == TEXT
        match json.loads(payload):
            case {"event": "playAudio", "media": {"contentType": self.kind, "sampleRate": self.rate, "payload": sound}}:
                return "sound", base64.b64decode(sound, validate=True)
            case {"event": "checkpoint", "streamId": self.sid, "name": name}:
                return "mark", name
            case {"event": "clearAudio", "streamId": self.sid}:
                return "clear", None
        raise AssertionError(payload)


class Exotel(Carrier):
    """developer.exotel.com/docs/agentstream/websocket-protocol: linear, in lumps"""

    sid = "MZxxxxxxxxxxxxxxxxxxxxxxxx"

    def dialect(self) -> StreamDialect:
        return ExotelDialect()

    def second(self) -> int:
        return 16_000

    def opening(self) -> list[str]:
        return [
            '{ "event": "connected" }',
            f'{{"event": "start","sequence_number": "1","stream_sid": "{self.sid}","start": {{"stream_sid": "{self.sid}",'
            '"call_sid": "CAxx","account_sid": "ACxx","from": "+919876543210","to": "+918047491899",'
            '"custom_parameters": { "key1": "value1" },'
            '"media_format": {"encoding": "audio/x-raw","sample_rate": "8000","bit_rate": "16"}}}',
        ]

    def media(self, payload: bytes, number: int) -> str | bytes:
        return (
            f'{{"event": "media","sequence_number": "{number}","stream_sid": "{self.sid}","media": {{"chunk": "{number}",'
            f'"timestamp": "{100 * number}","payload": "{base64.b64encode(payload).decode()}"}}}}'
        )

    def digit(self, key: str) -> str:
        return (
            f'{{"event": "dtmf","sequence_number": "7","stream_sid": "{self.sid}",'
            f'"dtmf": {{ "digit": "{key}", "duration": "100" }}}}'
        )

    def marked(self, name: str) -> str:
        return f'{{"event": "mark","sequence_number": "15","stream_sid": "{self.sid}","mark": {{"name": {json.dumps(name)}}}}}'

    def stop(self) -> str:
        return (
            f'{{"event": "stop","sequence_number": "30","stream_sid": "{self.sid}",'
            '"stop": {"call_sid": "CAxx","account_sid": "ACxx","reason": "callended"}}'
        )

    def read(self, kind: int, payload: bytes) -> Spoken:
        assert kind == TEXT
        it = json.loads(payload)
        assert it.pop("stream_sid") == self.sid
        match it:
            case {"event": "media", "media": {"payload": sound}}:
                data = base64.b64decode(sound, validate=True)
                assert len(data) % 320 == 0, "gaps at Exotel"
                assert 3200 <= len(data) <= 100_000, "gaps at Exotel"
                return "sound", data
            case {"event": "mark", "mark": {"name": name}}:
                return "mark", name
            case {"event": "clear"}:
                return "clear", None
        raise AssertionError(payload)


class Vonage(Carrier):
    """developer.vonage.com/voice/voice-api/concepts/websockets: exactly 20 ms, and at most 3072 messages wait"""

    echoes_cleared, stops, binary = False, False, True

    def dialect(self) -> StreamDialect:
        return VonageDialect()

    def second(self) -> int:
        return 32_000

    def opening(self) -> list[str]:
        return ['{"event":"websocket:connected","content-type":"audio/l16;rate=16000","prop1":"value1"}']

    def media(self, payload: bytes, number: int) -> str | bytes:
        return payload

    def digit(self, key: str) -> str:
        return f'{{"event":"websocket:dtmf","digit":"{key}","duration":260}}'

    def marked(self, name: str) -> str:
        return f'{{"event":"websocket:notify","payload":{{"mark":{json.dumps(name)}}}}}'

    def read(self, kind: int, payload: bytes) -> Spoken:
        if kind == BINARY:
            assert len(payload) == 640, "noise at Vonage"
            return "sound", payload
        match json.loads(payload):
            case {"action": "notify", "payload": {"mark": name}}:
                return "mark", name
            case {"action": "clear"}:
                return "clear", None
        raise AssertionError(payload)


class Asterisk(Carrier):
    """docs.asterisk.org, WebSocket channel: flushed marks come back as nothing; text of 128 bytes and more is dropped"""

    echoes_cleared, stops, binary, by_message = False, False, True, True

    def __init__(self, *, json: bool = True, slin: bool = True) -> None:
        super().__init__()
        self.json, self.slin = json, slin

    def dialect(self) -> StreamDialect:
        return AsteriskDialect()

    def second(self) -> int:
        return 32_000 if self.slin else 8000

    def opening(self) -> list[str]:
        size, form = (640, "slin16") if self.slin else (160, "ulaw")
        if self.json:
            return [
                '{"event":"MEDIA_START","connection_id":"media_connection1","channel":"WebSocket/media_connection1/0x1",'
                f'"channel_id":"1756917192.0","format":"{form}","optimal_frame_size":{size},"ptime":20,'
                '"channel_variables":{"DIALEDPEERNUMBER":"media_connection1","__T":"ticket"}}'
            ]
        return [
            f"MEDIA_START connection_id:media_connection1 channel:WebSocket/media_connection1/0x1 format:{form} "
            f"optimal_frame_size:{size} ptime:20"
        ]

    def media(self, payload: bytes, number: int) -> str | bytes:
        return payload

    def digit(self, key: str) -> str:
        return f'{{"event":"DTMF_END","channel_id":"1","digit":"{key}"}}' if self.json else f"DTMF_END digit:{key}"

    def marked(self, name: str) -> str:
        if self.json:
            return f'{{"event":"MEDIA_MARK_PROCESSED","channel_id":"1","correlation_id":{json.dumps(name)}}}'
        return f"MEDIA_MARK_PROCESSED correlation_id:{name}"

    def status(self, frames: int) -> str:
        if self.json:
            return f'{{"event":"STATUS","queue_length":{frames},"xon_level":800,"xoff_level":900,"queue_full":false}}'
        return f"STATUS queue_length:{frames} xon_level:800 xoff_level:900 queue_full:false bulk_media:false"

    def read(self, kind: int, payload: bytes) -> Spoken:
        if kind == BINARY:
            assert len(payload) % (640 if self.slin else 160) == 0, "the tail is dropped"
            assert len(payload) <= 8000, "a hang-up"
            return "sound", payload
        assert len(payload) < 128, "thrown away"
        if self.json:
            it = json.loads(payload)
            command, name = it["command"], it.get("correlation_id", "")
        else:
            command, _, name = payload.decode().partition(" ")
        match command:
            case "MARK_MEDIA":
                return "mark", name
            case "FLUSH_MEDIA":
                return "clear", None
            case "GET_STATUS":
                return "status", None
            case "HANGUP":
                return "hang up", None
        raise AssertionError(payload)


class Hangs(OnlyHangsUp):
    """The carrier's REST: hanging up stops the stream."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop

    async def hang_up(self, reason: EndReason) -> None:
        self._stop()


class Calls:
    """A carrier that could call colleagues."""

    abilities: frozenset[Ability] = frozenset({"transfer_warm"})

    def colleague(self, *given: object) -> ColleagueLeg:
        raise NotImplementedError


class StreamRig:
    """A carrier at the other end of a WebSocket."""

    can_vanish, is_telephone = True, True

    def __init__(self, carrier: Carrier, *, warm: bool = False) -> None:
        """`warm`: calls can be handed on warm."""
        self.carrier, self.has_keys, self._warm = carrier, carrier.has_keys, warm
        self.wire = Wire()
        dialect = carrier.dialect()
        self.ws = WebSocket(1 << 18, 20.0, lambda gone: None, sound_in_text=dialect.sound_in_text)
        self.ws.take_over(self.wire, "x")
        self.wire.written = b""
        self._dialect = dialect
        self.leg: CallLeg
        self._queue = deque[tuple[float, str | bytes]]()  # when each stretch has been played; marks between them
        self._played = bytearray()
        self._ends = 0.0
        self._number = 0
        self.most_queued = 0.0
        self.answers: list[Any] = []

    async def open(self) -> None:
        for message in self.carrier.opening():
            self.receive(message)
        begun, early = await started(self.ws, self._dialect)
        carrier = None if self.carrier.by_message else Hangs(self._stop)
        stream = MediaStream(self.ws, self._dialect, begun, AudioMeter(), early, carrier)
        line = WarmStream(stream, Calls()) if self._warm else stream
        self.leg = CallLeg(line, line)

    def receive(self, message: str | bytes) -> None:
        if not self.wire.closed:
            kind, data = (BINARY, message) if isinstance(message, bytes) else (TEXT, message.encode())
            self.ws.data_received(sent(kind, data))

    async def watch(self) -> None:
        now = asyncio.get_running_loop().time
        while True:
            for kind, payload in server_frames(self.wire):
                if kind == CLOSE:
                    if not self.wire.closed:
                        self.ws.data_received(sent(CLOSE, payload))
                elif kind in (TEXT, BINARY):
                    self._heed(*self.carrier.read(kind, payload), now())
            while self._queue and self._queue[0][0] <= now() + 1e-9:
                _, item = self._queue.popleft()
                if isinstance(item, bytes):
                    self._played += item
                else:
                    self.receive(self.carrier.marked(item))
            await asyncio.sleep(0.005)

    def _heed(self, what: str, value: Any, now: float) -> None:
        if what == "sound":
            begins = max(self._ends, now)
            self._ends = begins + len(value) / self.carrier.second()
            self.most_queued = max(self.most_queued, self._ends - now)
            step = self.carrier.second() // 50
            for at in range(0, len(value), step):  # played 20 ms by 20 ms
                piece = value[at : at + step]
                begins += len(piece) / self.carrier.second()
                self._queue.append((begins, piece))
        elif what == "mark":
            self._queue.append((max(self._ends, now), value))
        elif what == "status":
            assert isinstance(self.carrier, Asterisk)
            self.receive(self.carrier.status(round(max(0.0, self._ends - now) / 0.02)))
        elif what == "hang up":
            self._stop()
        elif what == "answer":
            self.answers.append(value)
        else:
            marks = [item for _, item in self._queue if isinstance(item, str)]
            self._queue.clear()
            self._ends = 0.0
            for name in marks if self.carrier.echoes_cleared else ():
                self.receive(self.carrier.cleared(name))

    async def say(self, payload: bytes) -> None:
        self._number += 1
        self.receive(self.carrier.media(payload, self._number))

    def heard(self) -> bytes:
        return bytes(self._played)

    async def press(self, key: str) -> None:
        self.receive(self.carrier.digit(key))

    async def leave(self) -> None:
        self._stop()

    def _stop(self) -> None:
        if self.carrier.stops:
            self.receive(self.carrier.stop())
        if not self.wire.closed:
            self.ws.data_received(sent(CLOSE, b"\x03\xe8"))

    async def vanish(self) -> None:
        self.wire.abort()

    @property
    def ended(self) -> bool:
        return bool(self.wire.closed)
