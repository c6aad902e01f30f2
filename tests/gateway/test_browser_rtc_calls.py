"""Calls of our own protocol over WebRTC, with aiortc as the caller, on loopback: speak, hear, interrupt, be refused."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from aiortc import RTCSessionDescription

from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT
from lineside.protocol import decode_server
from lineside.rtp.packet import RtpPacket, build_rtp
from tests.gateway.test_app import ServedGateway, opened
from tests.realtime.webrtc_client import Caller

PAGE = "https://desk.example.com"
LONG = "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen."


class OwnCaller(Caller):
    """A program that calls by `POST /rtc/call`; all that is told of the protocol can be read."""

    def __init__(self, gateway: ServedGateway) -> None:
        super().__init__(gateway)
        self.call_id = ""

    async def call(self, first: dict[str, Any] | None = None, **how: Any) -> None:
        """Post an offer, and take the answer."""
        status, body = await self.asked({"sdp": await self.offer(), "first": first or {}}, **how)
        assert status == 201, body
        self.call_id = body["call_id"]
        await self.peer.setRemoteDescription(RTCSessionDescription(body["sdp"], "answer"))

    async def asked(self, body: object, query: str = "", **how: Any) -> tuple[int, dict[str, Any]]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.gateway.http.post(f"{self.gateway.url}/rtc/call{query}", data=data, **how) as answer:
            return answer.status, await answer.json()

    def _told(self, message: str) -> None:
        decode_server.decode(message)
        self.events.append(json.loads(message))


def with_caller(story: Callable[[OwnCaller], Awaitable[None]], answers: tuple[str, ...] = (), **given: Any) -> None:
    async def main() -> None:
        async with opened(**({"echo_gate": False, "host": "127.0.0.1"} | given)) as gateway:
            registry = gateway.gateway._registry
            registry._engines["llm", "scripted"] = ScriptedLLM(answers=answers or ("We open at nine.",))
            registry._engines["stt", "scripted"] = ScriptedSTT(hears=("When do you open?", "Stop, please wait."))
            caller = OwnCaller(gateway)
            try:
                await story(caller)
            finally:
                await caller.close()
                await caller.eventually(lambda: gateway.gateway.calls == 0)

    asyncio.run(main())


def test_a_spoken_turn_is_heard_and_answered_aloud() -> None:
    """The microphone's track is heard, the answer is a track, the messages are those of the WebSocket."""

    async def story(caller: OwnCaller) -> None:
        await caller.call({"greeting": ""})
        ready = await caller.until("ready")
        assert (ready["call_id"], ready["codec"], ready["sample_rate"]) == (caller.call_id, "pcm", 24_000)
        caller.microphone.speak(1.0)
        assert (await caller.until("transcript"))["text"] == "When do you open?"
        await caller.until("audio_done")
        await caller.eventually(lambda: caller.loud >= 40)
        caller.send("hangup")
        assert (await caller.until("ended"))["reason"] == "caller_hung_up"

    with_caller(story)


def test_speech_over_the_answer_is_a_barge_in_that_keeps_the_words_that_were_heard() -> None:
    """What waited here is forgotten at once, and of the answer a beginning counts as heard."""

    async def story(caller: OwnCaller) -> None:
        await caller.call({"greeting": ""})
        await caller.until("ready")
        caller.send("text", text="Tell me all.")
        await caller.until("audio_started")
        await caller.eventually(lambda: caller.loud >= 20)
        caller.microphone.speak(1.5)
        await caller.until("clear")
        at_clear = caller.loud
        heard = (await caller.until("barge_in"))["heard"]
        assert 0 < len(heard) < len(LONG)
        assert LONG.startswith(heard)
        await caller.until("transcript")  # the caller has spoken for a second more
        assert caller.loud - at_clear <= 25, "what had been sent ahead, 35 frames, was not forgotten"

    with_caller(story, answers=(LONG, "Yes?"))


def test_typed_words_keys_and_wrong_messages_are_as_over_the_websocket() -> None:
    """A wrong message costs itself, and so does a binary one, since sound has its track."""

    async def story(caller: OwnCaller) -> None:
        await caller.call({"greeting": ""})
        await caller.until("ready")
        caller.channel.send(b"\0" * 640)
        assert "track" in (await caller.until("error"))["message"]
        caller.events.clear()
        caller.send("dance")
        wrong = await caller.until("error")
        assert (wrong["code"], wrong["fatal"]) == ("bad_message", False)
        caller.send("text", text="When do you open?")
        assert (await caller.until("reply_text"))["text"] == "We open at nine."

    with_caller(story)


def test_an_operator_ends_a_call_that_never_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller's program that takes the WebSocket instead gives its slot back first."""

    async def story(caller: OwnCaller) -> None:
        status, body = await caller.asked({"sdp": await caller.offer()})
        assert (status, caller.gateway.gateway.calls) == (201, 1)
        assert await caller.post(f"/api/calls/{body['call_id']}/end") == 200
        await caller.eventually(lambda: caller.gateway.gateway.calls == 0, seconds=10)

    with_caller(story)


def test_an_engine_that_there_is_not_is_told_over_the_data_channel() -> None:
    """As over the WebSocket: one error that ends the call."""

    async def story(caller: OwnCaller) -> None:
        await caller.call({"tts_engine": "nobody"})
        refused = await caller.until("error")
        assert refused["fatal"]
        assert "nobody" in refused["message"]
        await caller.eventually(lambda: caller.gateway.gateway.calls == 0)

    with_caller(story)


def test_a_key_or_a_token_opens_calls_for_pages_that_may_ask() -> None:
    """401 without; a page of another origin is told what it may send."""

    async def story(caller: OwnCaller) -> None:
        assert (await caller.asked({"sdp": ""}))[0] == 401
        asks = {"Origin": PAGE, "Access-Control-Request-Headers": "content-type"}
        async with caller.gateway.http.options(f"{caller.gateway.url}/rtc/call", headers=asks) as asked:
            assert (asked.status, asked.headers["Access-Control-Allow-Origin"]) == (204, PAGE)
        right = {"Authorization": "Bearer right"}
        async with caller.gateway.http.post(f"{caller.gateway.url}/api/token", headers=right) as made:
            token = (await made.json())["token"]
        await caller.call(query=f"?token={token}", headers={"Origin": PAGE})
        await caller.until("ready")
        second = OwnCaller(caller.gateway)
        status, body = await second.asked({"sdp": await second.offer()}, headers=right)
        assert (status, body["error"]["code"]) == (503, "full")
        await second.close()

    with_caller(story, api_keys=("right",), allowed_origins=(PAGE,), max_calls_per_key=1)


def test_what_is_no_offer_is_refused_by_name() -> None:
    """400 and 413 with what was wrong; no slot is taken."""

    async def story(caller: OwnCaller) -> None:
        offer = await caller.offer()
        for body, status, names in (
            (b"v=0", 400, "body"),
            ({"sdp": "hello"}, 400, "v=0"),
            ({"sdp": offer.replace("opus/48000", "opux/48000")}, 400, "Opus"),
            ({"sdp": offer, "first": {"codec": "pcm"}}, 400, "codec"),
            ({"sdp": offer, "first": {"mode": "sing"}}, 400, "mode"),
            ({"sdp": offer + "y" * 300_000}, 413, "bytes"),
        ):
            got, answer = await caller.asked(body)
            assert (got, names in answer["error"]["message"]) == (status, True), answer
        assert caller.gateway.gateway.calls == 0

    with_caller(story)


def test_a_gateway_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """501, before the offer is read."""
    monkeypatch.setattr("lineside.gateway.browser_rtc_calls.can_webrtc", lambda: False)

    async def story(caller: OwnCaller) -> None:
        status, body = await caller.asked({"sdp": "v=0"})
        assert (status, "lineside[webrtc]" in body["error"]["message"]) == (501, True)

    with_caller(story)


def test_a_flood_of_packets_ends_the_call() -> None:
    """A hundred times as many as speech has, all of them well encrypted: the caller is ended and told why."""

    async def story(caller: OwnCaller) -> None:
        await caller.call()
        await caller.until("ready")
        sender = caller.peer.getSenders()[0]
        for number in range(20_000):
            if caller.gateway.gateway.calls == 0:
                break
            packet = RtpPacket(96, False, number & 0xFFFF, number * 960, 7, bytes(1200))
            with suppress(ConnectionError):
                await sender.transport._send_rtp(build_rtp(packet))
            await asyncio.sleep(0)  # one datagram is read in a step of the loop
        assert (await caller.until("ended"))["reason"] == "too_many_messages"

    with_caller(story)


def test_a_program_whose_messages_are_bad_is_told_before_it_is_ended() -> None:
    """Twenty are answered; the next one ends the call, and its error is the last but one that is told."""

    async def story(caller: OwnCaller) -> None:
        await caller.call()
        await caller.until("ready")
        for _ in range(21):
            caller.channel.send("{")
        assert (await caller.until("ended"))["reason"] == "bad_message"
        faults = [event["fatal"] for event in caller.events if event["type"] == "error"]
        assert faults == [False] * 20 + [True]

    with_caller(story)
