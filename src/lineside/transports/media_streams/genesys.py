"""Genesys Cloud's Audio Connector: AudioHook 2 (developer.genesys.cloud/devapps/audiohook).

Sound is binary, mu-law at 8 kHz, the caller's channel only; JSON is for the rest, each message numbered, with the
number of the last that was seen. Many small messages are refused (429), so ours are of 200 ms and more. They tell when
all has been played, but not of which piece, so the clock tells what was heard. The server never closes first.
"""

from uuid import UUID

import msgspec
from msgspec import Struct

from lineside.transports.media_streams.dialect import (
    Encoding,
    StreamAnswer,
    StreamDialect,
    StreamEvent,
    StreamFault,
    StreamKey,
    StreamShape,
    StreamStarted,
    StreamStopped,
    quoted,
)

NOBODY = str(UUID(int=0))  # the conversation of a connection that is only tried
MINIMUM = 1600  # bytes of one message: 200 ms


class _Media(Struct, frozen=True):
    type: str = ""
    format: str = ""
    channels: list[str] = []
    rate: int = 0


class _Participant(Struct, frozen=True):
    ani: str = ""
    dnis: str = ""


class _Parameters(Struct, frozen=True, rename="camel"):
    organization_id: str = ""
    conversation_id: str = ""
    participant: _Participant = _Participant()
    media: list[_Media] = []
    input_variables: dict[str, object] = {}
    digit: str = ""
    code: int = 0
    message: str = ""


class _Message(Struct, frozen=True):
    version: str
    id: str
    type: str
    seq: int
    parameters: _Parameters = _Parameters()


_decode = msgspec.json.Decoder(_Message).decode


class GenesysDialect(StreamDialect):
    """One call's messages. `variables` go to the Architect flow when the call is handed back."""

    line = "genesys"
    sound_in_text = False
    encoding: Encoding = "ulaw"
    shape = StreamShape(least=MINIMUM, most=8 * MINIMUM)
    has_marks = False

    def __init__(self) -> None:
        self.variables: dict[str, str] = {}
        self._session, self._seen, self._sent = '""', 0, 0

    def _event(self, message: bytes | str) -> StreamEvent:
        it = _decode(message)
        if it.version != "2":
            raise ValueError(f"version {it.version!r} of AudioHook; 2 is spoken here")
        self._seen = max(self._seen, it.seq)
        match it.type:
            case "open":
                return self._opened(it)
            case "ping":
                return StreamAnswer(self._message("pong"))
            case "update":
                return StreamAnswer(self._message("updated"))
            case "close":
                return StreamStopped(self._message("closed"))
            case "dtmf":
                return StreamKey(it.parameters.digit)
            case "error":
                return StreamFault(f"{it.parameters.code} {it.parameters.message}".strip())
        return None

    def _opened(self, it: _Message) -> StreamStarted:
        said = it.parameters
        wanted = _Media("audio", "PCMU", ["external"], 8000)
        if wanted not in said.media:
            raise ValueError("no PCMU of the external channel is offered; use an Audio Connector, not a Monitor")
        self._session = quoted(it.id)
        media = msgspec.json.encode([wanted]).decode()
        return StreamStarted(
            stream=it.id,
            call=said.conversation_id,
            account=said.organization_id,
            caller=said.participant.ani.removeprefix("tel:"),
            called=said.participant.dnis.removeprefix("tel:"),
            encoding="ulaw",
            rate=8000,
            parameters={name: str(value) for name, value in said.input_variables.items()},
            answer=self._message("opened", f'{{"startPaused":false,"media":{media}}}'),
            test=said.conversation_id == NOBODY,
        )

    def mark(self, name: str) -> str:
        """See `StreamDialect`: there are none."""
        return ""

    def clear(self) -> str:
        """See `StreamDialect`."""
        return self._message("event", '{"entities":[{"type":"barge_in","data":{}}]}')

    def hang_up(self) -> str:
        """See `StreamDialect`: the call goes back to the flow, which reads the variables."""
        variables = msgspec.json.encode(self.variables).decode()
        return self._message("disconnect", f'{{"reason":"completed","outputVariables":{variables}}}')

    def _message(self, kind: str, parameters: str = "{}") -> str:
        self._sent += 1
        return (
            f'{{"version":"2","id":{self._session},"type":"{kind}","seq":{self._sent},"clientseq":{self._seen},'
            f'"parameters":{parameters}}}'
        )
