"""The registry of calls: what operators see of calls, and what they can do to them."""

import asyncio
from contextlib import aclosing

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.call.supervision import OperatorOrder
from lineside.errors import CallRefused
from lineside.gateway.call_handle import CallHandle
from lineside.gateway.call_registry import CallRegistry
from lineside.gateway.call_watchers import BEHIND, STORY, WATCHERS
from lineside.protocol import (
    AudioDone,
    AudioStarted,
    Ended,
    LlmToken,
    Reconnected,
    Reconnecting,
    ReplyMetrics,
    Transcript,
    TurnEnded,
    TurnStarted,
)
from lineside.transports.call_facts import CallFacts
from tests.virtual_time import run


class Ending:
    """A call that can be ended."""

    def __init__(self) -> None:
        self.reason = ""

    def end(self, reason: str) -> None:
        self.reason = reason

    def supervise(self, order: OperatorOrder) -> bool:
        return True


def answered(call_registry: CallRegistry) -> tuple[CallHandle, Ending]:
    slot, call = call_registry.admit(), Ending()
    slot.answered(call, facts=CallFacts(line="browser"), codec="pcm", rate=16_000, engines={"stt": "a"})
    return slot, call


def token(text: str) -> LlmToken:
    return LlmToken(at=1.0, turn=1, token=text)


def heard(text: str) -> Transcript:
    return Transcript(at=1.0, turn=1, text=text, latency_ms=100.0)


def test_a_call_is_seen_in_what_it_does() -> None:
    """Listening, thinking, speaking; how many turns; how long the last answer took."""

    async def story() -> None:
        call_registry = CallRegistry(2)
        slot, _ = answered(call_registry)
        (now,) = call_registry.list()
        assert (now.state, now.turns, now.last_e2e_ms, now.engines) == ("listening", 0, None, {"stt": "a"})
        for event, state in (
            (TurnStarted(at=0.1, turn=1), "listening"),
            (TurnEnded(at=1.0, turn=1), "thinking"),
            (AudioStarted(at=2.0, turn=1, latency_ms=900.0), "speaking"),
            (AudioDone(at=3.0, turn=1), "listening"),
        ):
            slot.on_event(event)
            assert call_registry.list()[0].state == state
        slot.on_event(ReplyMetrics(at=3.0, turn=1, e2e_ms=900.0))
        slot.on_event(ReplyMetrics(at=4.0, turn=0))  # the greeting is no turn of the caller's, and has no such time
        assert (call_registry.list()[0].turns, call_registry.list()[0].last_e2e_ms) == (1, 900.0)
        call_registry.free(slot)
        assert call_registry.list() == []

    run(story())


def test_with_no_free_slot_the_call_that_has_been_broken_longest_gives_way() -> None:
    """One for each new caller; who is back in time is safe, and with no broken call left the next is refused."""

    async def story() -> None:
        gave_way = list[str]()
        call_registry = CallRegistry(3, on_gave_way=lambda: gave_way.append("one"))
        calls = [answered(call_registry) for _ in range(3)]
        assert not call_registry.has_room
        for slot, _ in (calls[2], calls[0], calls[1]):
            slot.on_event(Reconnecting(at=1.0))
            await asyncio.sleep(1.0)
        calls[2][0].on_event(Reconnected(at=4.0, away_ms=3000.0, unheard_ms=0.0))
        assert call_registry.has_room
        call_registry.admit()
        assert [call.reason for _, call in calls] == ["line_lost", "", ""]
        call_registry.admit()
        assert [call.reason for _, call in calls] == ["line_lost", "line_lost", ""]
        assert not call_registry.has_room
        with pytest.raises(CallRefused, match="all 3 call slots"):
            call_registry.admit()
        for slot, _ in calls[:2]:
            call_registry.free(slot)  # they end a moment later, and free nothing more
        with pytest.raises(CallRefused, match="all 3 call slots"):
            call_registry.admit()
        assert (call_registry.calls, gave_way) == (3, ["one", "one"])
        call_registry.free(calls[2][0])
        call_registry.admit()

    run(story())


def test_while_a_slot_is_free_no_broken_call_gives_way() -> None:
    """A caller who may come back is waited for where that costs nobody anything."""

    async def story() -> None:
        call_registry = CallRegistry(2)
        slot, call = answered(call_registry)
        slot.on_event(Reconnecting(at=1.0))
        call_registry.admit()
        assert call.reason == ""

    run(story())


def test_a_keys_own_broken_call_gives_way_where_the_key_has_no_more() -> None:
    """Not another's, of which none is in the way."""

    async def story() -> None:
        call_registry = CallRegistry(4, slots_a_holder=1)
        calls = [Ending(), Ending()]
        for holder, call in zip(("shop", "desk"), calls, strict=True):
            slot = call_registry.admit(holder)
            slot.answered(call, facts=CallFacts(line="browser"), codec="pcm", rate=16_000, engines={})
            if holder == "shop":
                slot.on_event(Reconnecting(at=1.0))
        with pytest.raises(CallRefused, match="of this key"):
            call_registry.admit("desk")
        call_registry.admit("shop")
        assert [call.reason for call in calls] == ["line_lost", ""]
        with pytest.raises(CallRefused, match="of this key"):
            call_registry.admit("shop")

    run(story())


def test_no_more_calls_give_way_at_once_than_there_are_slots() -> None:
    """Where ended calls stay, as behind a worker that stands still, what lives at once has an end."""

    async def story() -> None:
        call_registry = CallRegistry(2)
        for _ in range(4):
            slot, _ = answered(call_registry)
            slot.on_event(Reconnecting(at=1.0))
        with pytest.raises(CallRefused):
            call_registry.admit()
        assert call_registry.calls == 4

    run(story())


def test_a_watcher_hears_the_story_so_far_and_then_everything_to_the_end() -> None:
    """Whoever comes late is told what was said; tokens of the past are not repeated."""

    async def story() -> None:
        call_registry = CallRegistry(2)
        slot, _ = answered(call_registry)
        slot.on_event(token("before"))
        slot.on_event(heard("Hello"))
        events = call_registry.watch(slot.id)
        assert events is not None
        slot.on_event(token("live"))
        slot.on_event(Ended(at=9.0, reason="caller_hung_up"))
        call_registry.free(slot)
        told = [msgspec.json.decode(line) async for line in events]
        assert [event["type"] for event in told] == ["transcript", "llm_token", "ended"]
        assert call_registry.watch(slot.id) is None

    run(story())


def test_a_watcher_of_a_quiet_call_is_told_that_it_lives() -> None:
    """Nothing for a while is told as nothing, and what comes after it is not lost."""

    async def story() -> None:
        slot, _ = answered(CallRegistry(1))
        events, began = slot.watch(), asyncio.get_running_loop().time()
        assert await anext(events) == b""
        assert asyncio.get_running_loop().time() - began == pytest.approx(15)
        slot.on_event(AudioDone(at=1.0, turn=1))
        assert b"audio_done" in await anext(events)
        await events.aclose()

    run(story())


def test_a_watcher_who_does_not_read_is_let_go_and_others_do_not_notice() -> None:
    """The queue of a slow operator has an end; the call never waits for it."""

    async def story() -> None:
        call_registry = CallRegistry(2)
        slot, _ = answered(call_registry)
        slow, quick = slot.watch(), slot.watch()
        async with aclosing(quick):
            for number in range(BEHIND + STORY + 50):
                slot.on_event(token(str(number)))
                await anext(quick)
        kept = [line async for line in slow]
        assert len(kept) == BEHIND + STORY
        assert slot._watchers._watchers == []

    run(story())


def test_one_call_has_so_many_watchers_and_no_more() -> None:
    """One that left makes room."""

    async def story() -> None:
        call_registry = CallRegistry(2)
        slot, _ = answered(call_registry)
        watching = [slot.watch() for _ in range(WATCHERS)]
        with pytest.raises(CallRefused, match="already follow"):
            call_registry.watch(slot.id)
        slot.on_event(heard("Hi"))
        await anext(watching[0])
        await watching[0].aclose()
        again = call_registry.watch(slot.id)
        assert again is not None
        call_registry.free(slot)
        for events in (*watching[1:], again):
            async for _ in events:
                pass

    run(story())


def test_an_operator_ends_a_call_by_its_name() -> None:
    """The call learns that it was an operator; an unknown name ends nothing."""

    async def story() -> None:
        call_registry = CallRegistry(2)
        slot, call = answered(call_registry)
        assert call_registry.end(slot.id)
        assert call.reason == "ended_by_operator"
        assert not call_registry.end("nobody")

    run(story())


def test_a_call_that_was_to_end_before_it_was_up_ends_when_it_is() -> None:
    """Between a telephone's 200 and the session of the call a hang-up finds nobody to tell: it is not lost."""
    registry, call, given_up = CallRegistry(2), Ending(), list[str]()
    slot = registry.admit()
    slot.rings(lambda: given_up.append("refused"))  # which changes nothing any more: the 200 has left
    assert registry.end(slot.id, "agent_said_goodbye")
    registry.end_all("server_stopping")
    slot.answered(call, facts=CallFacts(line="sip"), codec="pcm", rate=16_000, engines={"stt": "a"})

    assert call.reason == "agent_said_goodbye"
    assert given_up == ["refused", "refused"]


@given(st.lists(st.booleans(), max_size=60))
def test_slots_equal_live_calls(story: list[bool]) -> None:
    """Whatever comes and goes: never more than there are lines, and every one that goes makes room."""

    async def main() -> None:
        call_registry, held = CallRegistry(3), list[CallHandle]()
        for comes in story:
            if comes and len(held) < 3:
                held.append(call_registry.admit())
            elif comes:
                with pytest.raises(CallRefused, match="all 3 call slots are in use"):
                    call_registry.admit()
            elif held:
                call_registry.free(held.pop())
            assert call_registry.calls == len(held)

    run(main())


def test_a_holder_of_a_key_has_no_more_slots_than_theirs() -> None:
    """Others' calls are taken all the same; one that goes makes room; without a limit one holder may have all."""

    async def story() -> None:
        calls = CallRegistry(5, slots_a_holder=2)
        first, _ = calls.admit("a"), calls.admit("a")
        with pytest.raises(CallRefused, match="all 2 call slots of this key"):
            calls.admit("a")
        calls.admit("b")
        calls.admit()
        calls.free(first)
        calls.admit("a")
        with pytest.raises(CallRefused, match="all 5"):
            [calls.admit(), calls.admit()]
        everything = CallRegistry(3)
        assert len([everything.admit("a") for _ in range(3)]) == 3

    run(story())


def test_closing_time_ends_all_and_waits_for_them() -> None:
    """No new call is taken; those who do not go in time are counted."""

    async def story() -> None:
        call_registry, cut_off = CallRegistry(5), list[int]()
        slot, call = answered(call_registry)
        closing = asyncio.create_task(call_registry.close(3.0, cut_off.append))
        await asyncio.sleep(1.0)
        assert call.reason == "server_stopping"
        with pytest.raises(CallRefused, match="shutting down"):
            call_registry.admit()
        call_registry.free(slot)
        await closing
        assert cut_off == []
        stubborn = CallRegistry(5)
        answered(stubborn)
        await stubborn.close(3.0, cut_off.append)
        assert cut_off == [1]

    run(story())
