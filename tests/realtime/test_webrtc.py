"""Calls over WebRTC, with aiortc as the client, on loopback: speak, hear, interrupt, hang up, be refused."""

import socket

import pytest
import structlog
from aiohttp import WSMsgType

from tests.realtime.events import checked
from tests.realtime.webrtc_client import Caller, with_caller

PAGE = "https://desk.example.com"
LONG = "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen."


def test_a_spoken_turn_over_webrtc_is_answered_aloud() -> None:
    """The microphone's track is heard, the answer is a track, and the events have no sound in them."""

    async def story(caller: Caller) -> None:
        await caller.connect(session={"type": "realtime", "instructions": "Be brief."})
        created = await caller.until("session.created")
        assert created["session"]["instructions"] == "Be brief."
        caller.microphone.speak(1.0)
        done = await caller.until("response.done")
        assert done["response"]["output"][0]["content"][0]["transcript"] == "We open at nine."
        await caller.until("output_audio_buffer.stopped")
        kinds = caller.kinds()
        assert "response.output_audio.delta" not in kinds
        assert kinds.index("input_audio_buffer.speech_started") < kinds.index("output_audio_buffer.started")
        await caller.eventually(lambda: caller.loud >= 40)

    with_caller(story, answers=("We open at nine.",), hears=("When do you open?",))


def test_speech_over_the_answer_empties_the_buffer_and_leaves_the_words_that_were_heard() -> None:
    """`output_audio_buffer.cleared`, a cancelled response, and silence: nobody need truncate."""

    async def story(caller: Caller) -> None:
        await caller.connect()
        await caller.until("session.created")
        caller.type("Tell me all.")
        await caller.until("output_audio_buffer.started")
        await caller.eventually(lambda: caller.loud >= 20)
        caller.microphone.speak(1.5)
        cleared = await caller.until("output_audio_buffer.cleared")
        done = (await caller.until("response.done"))["response"]
        assert (done["status"], done["status_details"]["reason"]) == ("cancelled", "turn_detected")
        assert cleared["response_id"] == done["id"]
        heard = done["output"][0]["content"][0]["transcript"]
        assert 0 < len(heard) < len(LONG)
        assert LONG.startswith(heard)
        assert "output_audio_buffer.stopped" not in caller.kinds()

    with_caller(story, answers=(LONG, "Yes?"), hears=("Stop, please wait.",))


def test_a_client_cuts_what_the_server_plays() -> None:
    """`output_audio_buffer.clear` ends the response; with nothing to cut it is an error, as sound in events is."""

    async def story(caller: Caller) -> None:
        await caller.connect()
        await caller.until("session.created")
        caller.send("output_audio_buffer.clear", event_id="none")
        assert (await caller.until("error"))["error"]["event_id"] == "none"
        caller.type("Tell me all.")
        await caller.until("output_audio_buffer.started")
        caller.send("output_audio_buffer.clear")
        await caller.until("output_audio_buffer.cleared")
        done = (await caller.until("response.done"))["response"]
        assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
        caller.events.clear()
        caller.send("input_audio_buffer.append", audio="AAAA")
        assert "WebSockets" in (await caller.until("error"))["error"]["message"]

    with_caller(story, answers=(LONG,))


def test_a_caller_hangs_up_by_closing_and_a_program_by_its_address() -> None:
    """Either way the slot is free, and a call that is over is not known any more."""

    async def story(caller: Caller) -> None:
        await caller.connect()
        await caller.until("session.created")
        assert caller.gateway.gateway.calls == 1
        assert await caller.post(f"{caller.place}/hangup") == 200
        await caller.eventually(lambda: caller.gateway.gateway.calls == 0)
        assert await caller.post(f"{caller.place}/hangup") == 404
        again = Caller(caller.gateway)
        await again.connect()
        await again.until("session.created")
        await again.close()
        await caller.eventually(lambda: caller.gateway.gateway.calls == 0)

    with_caller(story)


def test_a_program_beside_the_call_sees_its_events_and_leads_it() -> None:
    """`?call_id=` opens a socket without sound: the caller's browser has that, and sees what the program has done."""

    async def story(caller: Caller) -> None:
        await caller.connect()
        await caller.until("session.created")
        url = f"{caller.gateway.url}/v1/realtime?call_id={caller.place.rsplit('/', 1)[1]}"
        async with caller.gateway.http.ws_connect(url) as beside:
            assert (await beside.receive_json())["type"] == "session.created"
            await beside.send_json({"type": "session.update", "session": {"type": "realtime", "instructions": "Sing."}})
            assert (await beside.receive_json())["session"]["instructions"] == "Sing."
            await caller.until("session.updated")
            await beside.send_json({"type": "response.create"})
            kinds: list[str] = []
            while kinds[-1:] != ["response.done"]:
                event = await beside.receive_json()
                checked(event)
                kinds.append(event["type"])
            assert "response.output_audio.delta" not in kinds
            await caller.close()
            assert (await beside.receive()).type is WSMsgType.CLOSE

    with_caller(story, answers=("We open at nine.",))


def test_a_caller_who_never_connects_is_let_go_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """After `CONNECTED_WITHIN` the slot is free again; here that is a moment."""
    monkeypatch.setattr("lineside.transports.webrtc.connection.CONNECTED_WITHIN", 0.3)

    async def story(caller: Caller) -> None:
        status, _ = await caller.offered(await caller.offer())
        assert status == 201
        await caller.eventually(lambda: caller.gateway.gateway.calls == 0)

    with_caller(story)


def test_a_caller_who_vanishes_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer for `CONSENT_LASTS`, half a minute (RFC 7675); here that is a moment."""
    for name, seconds in (("EVERY", 0.05), ("ANSWER", 0.1), ("LASTS", 0.2)):
        monkeypatch.setattr(f"lineside.transports.webrtc.ice_ports.CONSENT_{name}", seconds)

    async def story(caller: Caller) -> None:
        await caller.connect()
        await caller.until("session.created")
        with structlog.testing.capture_logs() as logs:
            caller.vanish()
            await caller.eventually(lambda: caller.gateway.gateway.calls == 0)
        assert [line["reason"] for line in logs if line["event"] == "call ended"] == ["line_lost"]

    with_caller(story)


def test_keys_open_calls_over_webrtc_as_they_open_sockets() -> None:
    """A key, or a client secret, which brings its own session; without one 401, for a page of another origin too."""

    async def story(caller: Caller) -> None:
        right, url = {"Authorization": "Bearer right"}, f"{caller.gateway.url}/v1/realtime"
        assert (await caller.offered(await caller.offer()))[0] == 401
        asks = {"Origin": PAGE, "Access-Control-Request-Headers": "authorization,content-type,x-openai-agents-sdk"}
        async with caller.gateway.http.options(f"{url}/calls", headers=asks) as asked:
            assert asked.status == 204
            assert "x-openai-agents-sdk" in asked.headers["Access-Control-Allow-Headers"]
            assert asked.headers["Access-Control-Allow-Origin"] == PAGE
        body = {"session": {"type": "realtime", "instructions": "Sing."}}
        async with caller.gateway.http.post(f"{url}/client_secrets", json=body, headers=right) as made:
            secret = (await made.json())["value"]
        await caller.connect(headers={"Authorization": f"Bearer {secret}", "Origin": PAGE})
        assert (await caller.until("session.created"))["session"]["instructions"] == "Sing."
        assert await caller.post(f"{caller.place}/hangup") == 401
        assert await caller.post(f"{caller.place}/hangup", {"Authorization": f"Bearer {secret}"}) == 200

    with_caller(story, api_keys=("right",), allowed_origins=(PAGE,))


def test_offers_that_are_none_are_refused_by_name() -> None:
    """400 with what was wrong; no slot is taken and no port stays open."""

    async def story(caller: Caller) -> None:
        offer = await caller.offer()
        for body, kind, status, names in (
            ("hello", "application/sdp", 400, "v=0"),
            (offer.replace("opus/48000", "opux/48000"), "application/sdp", 400, "Opus"),
            (offer.replace("m=audio", "m=video"), "application/sdp", 400, "audio"),
            (offer.replace("m=audio ", "m=audio x"), "application/sdp", 400, "createOffer"),
            (offer + "a=x:" + "y" * 70_000, "application/sdp", 400, "65536"),
            (offer, "text/plain", 415, "application/sdp"),
        ):
            got, text = await caller.offered(body, {"Content-Type": kind})
            assert (got, names in text) == (status, True), text
        status, text = await caller.offered(offer, session={"type": "realtime", "output_modalities": ["smell"]})
        assert (status, "session.output_modalities" in text) == (400, True)
        assert caller.gateway.gateway.calls == 0

    with_caller(story)


def test_a_full_house_and_full_ports_say_when_to_come_again() -> None:
    """503 with `Retry-After`, the settings named."""

    async def story(caller: Caller) -> None:
        await caller.connect()
        other = Caller(caller.gateway)
        status, text = await other.offered(await other.offer())
        assert (status, "WEBRTC_PORTS" in text) == (503, True)
        await other.close()

    with_caller(story, webrtc_ports=free_port())


def test_a_gateway_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """501, before the offer is read."""
    monkeypatch.setattr("lineside.gateway.realtime_calls.can_webrtc", lambda: False)

    async def story(caller: Caller) -> None:
        status, text = await caller.offered("v=0")
        assert (status, "lineside[webrtc]" in text) == (501, True)

    with_caller(story)


def free_port() -> str:
    """A range of one port, which nobody has now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return f"{port}-{port}"
