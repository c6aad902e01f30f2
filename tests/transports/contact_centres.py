"""Far ends of contact centres and open platforms: Genesys Cloud's AudioHook, jambonz, FreeSWITCH's mod_audio_fork.

Fakes of what is documented, as `carriers` has: nobody here was at one.
"""

import json

from lineside.transports.media_streams.dialect import StreamDialect
from lineside.transports.media_streams.fork import FreeSwitchDialect, JambonzDialect
from lineside.transports.media_streams.genesys import GenesysDialect
from lineside.transports.websocket_frames import BINARY
from tests.transports.carriers import Carrier, Spoken


class Genesys(Carrier):
    """AudioHook 2 as purecloudlabs/audiohook-reference-implementation has it: numbered, and 200 ms at least"""

    echoes_cleared, binary, by_message = False, True, True
    session = "30b0e395-84d3-4570-ac13-9a62d8f514c0"
    conversation = "090eaa2f-72fa-480a-83e0-8667ff89c0ec"

    def __init__(self) -> None:
        super().__init__()
        self._sent, self._seen = 0, 0

    def dialect(self) -> StreamDialect:
        return GenesysDialect()

    def message(self, kind: str, parameters: str = "{}") -> str:
        self._sent += 1
        return (
            f'{{"version":"2","id":"{self.session}","type":"{kind}","seq":{self._sent},"serverseq":{self._seen},'
            f'"position":"PT10.5S","parameters":{parameters}}}'
        )

    def opening(self) -> list[str]:
        self._sent = 0
        return [
            self.message(
                "open",
                '{"organizationId":"d7934305-0972-4844-938e-9060eef73d05",'
                f'"conversationId":"{self.conversation}","participant":{{"id":"883efee8-3d6c-4537-b500-6d7ca4b92fa0",'
                '"ani":"tel:+13175551234","aniName":"John Doe","dnis":"+18005551212"},'
                '"media":[{"type":"audio","format":"PCMU","channels":["external","internal"],"rate":8000},'
                '{"type":"audio","format":"PCMU","channels":["external"],"rate":8000}],'
                '"language":"en-US","inputVariables":{"campaign":"7"}}',
            )
        ]

    def media(self, payload: bytes, number: int) -> str | bytes:
        return payload

    def digit(self, key: str) -> str:
        return self.message("dtmf", f'{{"digit":"{key}"}}')

    def marked(self, name: str) -> str:
        return self.message("playback_completed")

    def stop(self) -> str:
        return self.message("close", '{"reason":"end"}')

    def read(self, kind: int, payload: bytes) -> Spoken:
        if kind == BINARY:
            assert len(payload) >= 1600, "error 429 at Genesys"
            return "sound", payload
        it = json.loads(payload)
        assert (it["version"], it["id"]) == ("2", self.session)
        assert it["seq"] == self._seen + 1, "numbered without a gap"
        assert it["clientseq"] <= self._sent
        self._seen = it["seq"]
        match it["type"]:
            case "event":
                assert it["parameters"] == {"entities": [{"type": "barge_in", "data": {}}]}
                return "clear", None
            case "disconnect":
                assert it["parameters"]["reason"] == "completed"
                return "hang up", it["parameters"]["outputVariables"]
            case "opened" | "pong" | "updated" | "closed":
                return "answer", it
        raise AssertionError(payload)


class Jambonz(Carrier):
    """docs.jambonz.org, verb `listen`; marks as lws_glue.cpp of jambonz/freeswitch-modules sends them"""

    stops, binary, by_message = False, True, True

    def dialect(self) -> StreamDialect:
        return JambonzDialect()

    def second(self) -> int:
        return 32_000

    def opening(self) -> list[str]:
        return [
            '{"sampleRate":16000,"mixType":"mono","callSid":"df09e8d4-7ffd-492b-94d9-51a60318552c","direction":"inbound",'
            '"from":"+15083084809","to":"+15083728299","callId":"f0414693-bdb6-1238-6185-06d91d68c9b0","sipStatus":100,'
            '"callStatus":"trying","callerId":"Jane","accountSid":"fef61e75-cec3-496c-a7bc-8368e4d02a04",'
            '"applicationSid":"0e0681b0-d49f-4fb8-b973-b5a3c6758de1","campaign":"7"}'
        ]

    def media(self, payload: bytes, number: int) -> str | bytes:
        return payload

    def digit(self, key: str) -> str:
        return f'{{"event":"dtmf","dtmf":"{key}","duration":"1600"}}'

    def marked(self, name: str) -> str:
        return f'{{"type": "mark", "data": {{"name":{json.dumps(name)}, "event": "playout"}}}}'

    def cleared(self, name: str) -> str:
        return f'{{"type": "mark", "data": {{"name":{json.dumps(name)}, "event": "cleared"}}}}'

    def read(self, kind: int, payload: bytes) -> Spoken:
        if kind == BINARY:
            assert len(payload) % 2 == 0, "half a sample"
            return "sound", payload
        match json.loads(payload):
            case {"type": "mark", "data": {"name": name}}:
                return "mark", name
            case {"type": "killAudio"}:
                return "clear", None
            case {"type": "disconnect"}:
                return "hang up", None
        raise AssertionError(payload)


class FreeSwitch(Jambonz):
    """mod_audio_fork started by a dialplan, with attributes of the dialplan's own"""

    def dialect(self) -> StreamDialect:
        return FreeSwitchDialect()

    def opening(self) -> list[str]:
        return ['{"sampleRate":16000,"callSid":"6b1f3f8e-2d0a-4c6e-9f0a-3b8a1c2d4e5f","campaign":"7"}']
