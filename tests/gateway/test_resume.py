"""Over real sockets: a call whose connection breaks goes on over another, in the process that has it."""

import asyncio
from contextlib import aclosing
from unittest.mock import ANY

import aiohttp
import msgspec
import pytest

from lineside.call.session import CallSession
from lineside.engines.vendors.scripted import ScriptedLLM
from lineside.gateway.call_registry import CallRegistry
from lineside.protocol import (
    AudioDone,
    AudioStarted,
    Ended,
    Error,
    FirstMessage,
    Ready,
    Reconnected,
    Reconnecting,
    ReplyText,
    ResumeRequest,
    ServerMessage,
    decode_server,
)
from lineside.testclient.connection import CallConnection
from lineside.transports.call_facts import CallFacts
from lineside.transports.resumption import WaitingRoom
from tests import patience
from tests.call.returning_caller import Break, ResumedCall, call_with_breaks
from tests.gateway.test_app import ServedGateway, event, events, with_served_gateway
from tests.gateway.test_worker_pool import Tell, WorkersClient, comes_true, until, with_workers
from tests.virtual_time import run

__all__ = ["with_workers"]
HELLO = FirstMessage(codec="pcm", greeting="")
HELLO_TEXT = '{"codec":"pcm","greeting":""}'


async def held(line: CallConnection, *, drops: int = 1) -> tuple[list[ServerMessage], int]:
    """A typed question and its answer, with so many breaks in it; what was told, and bytes of sound."""
    told, sound = list[ServerMessage](), 0
    await line.open()
    async with aclosing(line.messages()) as messages:
        async for message in messages:
            if isinstance(message, bytes):
                sound += len(message)
                if sound > 12_800 * (line.resumed + 1) and line.resumed < drops:
                    line.drop()
                continue
            told.append(message)
            if isinstance(message, Ready):
                await line.send('{"type":"text","text":"Hello"}')
            if isinstance(message, AudioDone):
                await line.send('{"type":"hangup"}')
    return told, sound


def kinds(told: list[ServerMessage]) -> list[str]:
    wanted = (Ready, AudioStarted, ReplyText, Reconnected, AudioDone, Ended, Error)
    return [type(one).__name__ for one in told if isinstance(one, wanted)]


def test_a_call_goes_on_over_another_connection() -> None:
    """Twice in one answer: every sample of it comes once, the slot is held, and it is one call."""

    async def story(there: ServedGateway) -> None:
        whole, sound = await held(CallConnection(there.http, there.url, HELLO), drops=0)
        line = CallConnection(there.http, there.url, HELLO)
        told, again = await held(line, drops=2)
        assert line.resumed == 2
        assert again == sound
        assert sorted(one for one in kinds(told) if one != "Reconnected") == sorted(kinds(whole))
        assert kinds(told).count("Reconnected") == 2
        text = there.gateway._meters.text().decode()
        assert 'lineside_calls_broken_total{outcome="resumed"} 2.0' in text
        assert "lineside_calls_started_total" in text

    with_served_gateway(story)


def test_who_comes_too_late_is_refused_by_name() -> None:
    """The slot is held while the caller may come back; after that it is free, and the call is no more."""

    async def story(there: ServedGateway) -> None:
        ws = await there.call('{"codec":"pcm","greeting":""}')
        ready = await event(ws)
        assert isinstance(ready, Ready)
        assert ready.resume_s == 1.0
        watched = there.gateway.call_registry.watch(ready.call_id)
        assert watched is not None
        ws.get_extra_info("socket").shutdown(2)
        assert isinstance(decode_server.decode(await anext(watched)), Reconnecting)
        assert there.gateway.calls == 1
        await watched.aclose()
        await patience.until(lambda: not there.gateway.calls, "the slot is free")
        for call, token in ((ready.call_id, ready.resume_token), ("nobody", "x"), ("x" * 200, "x" * 200)):
            late = await there.http.ws_connect(f"{there.url}/ws/call/{call}")
            await late.send_str(msgspec.json.encode(ResumeRequest(token, 1)).decode())
            (error,) = await events(late)
            assert isinstance(error, Error)
            assert (error.code, error.fatal) == ("resume_refused", True)
            assert late.close_code == 1008
        assert 'lineside_calls_broken_total{outcome="expired"} 1.0' in there.gateway._meters.text().decode()

    with_served_gateway(story, resume_s=1, max_concurrent_calls=1)


@pytest.mark.parametrize("away", [0.5, 4.9])
def test_a_call_that_gives_way_ends_at_once_as_if_nobody_had_resumed_it(away: float) -> None:
    """Nothing waits for its caller any more, and its history has what they heard."""
    told = list[str]()
    room = WaitingRoom(5.0, told.append)

    async def story() -> ResumedCall:
        calls = CallRegistry(1, on_gave_way=lambda: told.append("gave_way"))
        handle = calls.admit()

        def began(call: CallSession) -> None:
            handle.answered(call, facts=CallFacts(line="browser"), codec="pcm", rate=16_000, engines={})
            asyncio.get_running_loop().call_later(4.5 + away, calls.admit)

        llm = ScriptedLLM(answers=["One two three four five six seven eight nine ten."])
        return await call_with_breaks(Break(4.5, None), room=room, observers=[handle], began_with=began, llm=llm)

    call = run(story())
    assert (call.reason, round(call.seconds, 1)) == ("line_lost", 4.5 + away)
    assert (told, room.waiting) == (["gave_way"], 0)
    (_, (_, heard)) = call.conversation
    assert 0 < len(heard.split()) < 9


def test_where_all_slots_are_taken_a_broken_call_gives_way_to_a_new_caller() -> None:
    """It ends as one that nobody resumed; whoever comes back to it is refused, and a call that is whole stays."""

    async def story(there: ServedGateway) -> None:
        whole, broken = await there.call(HELLO_TEXT), await there.call(HELLO_TEXT)
        await event(whole)
        gone = await event(broken)
        assert isinstance(gone, Ready)
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            await there.call()
        watched = there.gateway.call_registry.watch(gone.call_id)
        assert watched is not None
        broken.get_extra_info("socket").shutdown(2)
        assert [type(decode_server.decode(await anext(watched)))] == [Reconnecting]
        assert isinstance(await event(await there.call(HELLO_TEXT)), Ready)
        assert decode_server.decode(await anext(watched)) == Ended(at=ANY, reason="line_lost")
        await watched.aclose()
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            await there.call()
        late = await there.http.ws_connect(f"{there.url}/ws/call/{gone.call_id}")
        await late.send_str(msgspec.json.encode(ResumeRequest(gone.resume_token, 1)).decode())
        (error,) = await events(late)
        assert isinstance(error, Error)
        assert error.code == "resume_refused"
        await whole.send_str('{"type":"text","text":"Hello"}')
        while not isinstance(await event(whole), ReplyText):
            pass
        assert 'lineside_calls_broken_total{outcome="gave_way"} 1.0' in there.gateway._meters.text().decode()

    with_served_gateway(story, resume_s=60, max_concurrent_calls=2)


def test_a_first_message_that_resumes_nothing_is_named() -> None:
    """On the address that resumes, and a resume on the one that begins."""

    async def story(there: ServedGateway) -> None:
        for path, first, names in (
            ("/ws/call/x", '{"codec":"pcm"}', '"type":"resume"'),
            ("/ws/call/x", '{"type":"resume","token":"x","received":-1}', "received"),
            ("/ws/call", '{"type":"resume","token":"x","received":1}', "/ws/call/CALL_ID"),
        ):
            ws = await there.http.ws_connect(f"{there.url}{path}")
            await ws.send_str(first)
            (error,) = await events(ws)
            assert isinstance(error, Error)
            assert error.code == "bad_first_message"
            assert names in error.message

    with_served_gateway(story)


def test_switched_off_nothing_waits_and_no_token_is_given() -> None:
    """`RESUME_S=0`: the call ends with its connection."""

    async def story(there: ServedGateway) -> None:
        ws = await there.call('{"codec":"pcm","greeting":""}')
        ready = await event(ws)
        assert isinstance(ready, Ready)
        assert (ready.resume_token, ready.resume_s) == ("", 0)
        ws.get_extra_info("socket").shutdown(2)
        await patience.until(lambda: not there.gateway.calls, "the slot is free")

    with_served_gateway(story, resume_s=0)


def test_whoever_leaves_with_a_goodbye_is_not_waited_for() -> None:
    """A tab that is closed says 1001, a program that hangs up 1000."""

    async def story(there: ServedGateway) -> None:
        for code in (1000, 1001):
            ws = await there.call('{"codec":"pcm","greeting":""}')
            await event(ws)
            await ws.close(code=code)
            await patience.until(lambda: not there.gateway.calls, "the slot is free")

    with_served_gateway(story)


def test_a_resumed_connection_reaches_the_worker_that_has_the_call(with_workers: Tell) -> None:
    """Whichever that is: two workers, four calls, all broken and resumed."""

    async def story(client: WorkersClient) -> None:
        lines = [CallConnection(client._http, client.url, HELLO) for _ in range(4)]
        told = await asyncio.gather(*(held(line) for line in lines))
        assert [line.resumed for line in lines] == [1] * 4
        assert len({sound for _, sound in told}) == 1
        assert [kinds(events).count("Reconnected") for events, _ in told] == [1] * 4
        assert await client.counted("lineside_calls_broken_total") == 4

    log = with_workers(story)
    assert "resume_token" not in log


def test_in_workers_too_a_broken_call_gives_way(with_workers: Tell) -> None:
    """All four slots are taken; of two broken calls, in whichever workers, one is left when a fifth caller is there."""

    async def story(client: WorkersClient) -> None:
        calls = await client.calls()
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            await client.call()
        for ws, _ in calls[1:3]:
            ws.get_extra_info("socket").shutdown(2)

        async def let_in() -> bool:
            """True once the gateway has heard from the worker that a connection broke."""
            try:
                await until(await client.call(), Ready)
            except aiohttp.WSServerHandshakeError:
                return False
            return True

        async def one_left() -> bool:
            return len(await client.listed() & {name for _, name in calls[1:3]}) == 1

        await comes_true(let_in)
        await comes_true(one_left)
        await comes_true(let_in)
        listed = await client.listed()
        assert {calls[0][1], calls[3][1]} <= listed
        assert await client.counted("lineside_calls_broken_total") == 2
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            await client.call()

    with_workers(story, RESUME_S="60", MAX_CONCURRENT_CALLS="4")
