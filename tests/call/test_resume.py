"""A call outlives its caller's connection for five seconds; nothing is said twice, and nothing that was lost counts."""

import asyncio

import pytest

from lineside.agents.agent import Agent
from lineside.engines.vendors.scripted import ScriptedLLM
from lineside.protocol import (
    AudioDone,
    AudioStarted,
    BargeIn,
    Reconnected,
    Reconnecting,
    Transcript,
    TurnStarted,
)
from lineside.transports.browser import BrowserTransport
from lineside.transports.resumption import WaitingRoom
from tests.call.returning_caller import Break, Connection, ResumedCall, ReturningCaller, call_with_breaks
from tests.virtual_time import run

ANSWER = "One two three four five six seven eight nine ten."  # three seconds from about 3.2 on


def held(*breaks: Break, **given: object) -> ResumedCall:
    """One call on virtual time, in which ten words are answered to what is said from 1 to 2 s."""
    given.setdefault("llm", ScriptedLLM(answers=[ANSWER]))
    return run(call_with_breaks(*breaks, **given))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def whole() -> ResumedCall:
    """The same call without a break."""
    return held()


@pytest.mark.parametrize("noticed", [True, False], ids=["noticed", "half-open"])
def test_cut_in_mid_answer_the_answer_goes_on_where_it_was_lost(whole: ResumedCall, noticed: bool) -> None:
    """Every sample of it is heard, once; the call is one call, with one answer in its history."""
    call = held(Break(4.5, noticed=noticed))
    assert call.caller.played == whole.caller.played
    assert call.conversation == whole.conversation
    assert call.reason == "caller_hung_up"
    assert len(call.caller.all(AudioDone)) == 1
    assert call.back.away_ms == (3000 if noticed else 0)
    assert (call.back.unheard_ms >= 1000) is not noticed
    assert call.told == ["resumed"]


def test_while_the_caller_is_away_the_agent_does_not_talk_to_nobody() -> None:
    """Nothing is sent from the moment at which the connection broke; what had come before is played meanwhile."""
    assert held(Break(4.5)).back.unheard_ms == 0


@pytest.mark.parametrize("noticed", [True, False], ids=["noticed", "half-open"])
def test_a_caller_who_interrupts_what_came_again_has_heard_so_much_and_no_more(noticed: bool) -> None:
    """The ledger counts from when the rest came, not from when it was first sent."""
    speaks = ((1.0, 2.0), (7.7, 9.4))
    call = held(
        Break(4.5, 3.0, noticed), speaks=speaks, leaves=9.6, llm=ScriptedLLM(answers=[f"{ANSWER[:-1]} {ANSWER}"])
    )
    (interruption,) = call.caller.all(BargeIn)
    assert len(interruption.heard.split()) == int(len(call.caller.played) / 2 / 16_000 / 0.3)
    assert 5 <= len(interruption.heard.split()) <= 12


def test_cut_in_mid_question_the_question_stays_one() -> None:
    """What was said while the network was gone comes late, and belongs to the same turn."""
    call = held(Break(1.5, 3.0), speaks=((1.0, 3.0),))
    assert len(call.caller.all(TurnStarted)) == 1
    assert [event.text for event in call.caller.all(Transcript)] == ["scripted words"]
    (utterance, *_) = call.stt.utterances[-1:]
    assert utterance.seconds >= 2.0
    assert call.conversation[1][0] == "assistant"


def test_cut_in_silence_nothing_is_said_and_nobody_is_asked() -> None:
    """Five seconds away do not count as a caller's silence."""
    call = held(Break(10.0, 4.5), speaks=((1.0, 2.0),), leaves=17.0, caller_silence_s=8, agent=_asking())
    assert [event for event in call.caller.all(AudioStarted) if event.turn == 0] == []
    assert len(call.caller.all(AudioStarted)) == 1
    assert call.reason == "caller_hung_up"


def _asking() -> Agent:
    return Agent(name="Test", prompt="You answer.", greeting="", reprompt="Are you still there?", goodbye="Goodbye.")


def test_cut_while_an_answer_is_prepared_it_is_said_when_they_are_back(whole: ResumedCall) -> None:
    """The engines go on meanwhile; no filler is said into the void, nor after."""
    call = held(Break(2.3, 3.0), llm=ScriptedLLM(answers=[ANSWER], first=2.0))
    assert call.conversation == whole.conversation
    assert not any(event.filler for event in call.caller.all(AudioStarted))
    assert call.caller.played == whole.caller.played


@pytest.mark.parametrize("noticed", [True, False], ids=["noticed", "half-open"])
def test_cut_twice_it_is_resumed_twice(whole: ResumedCall, noticed: bool) -> None:
    """With a new token each time."""
    call = held(Break(4.0, 2.0, noticed), Break(6.5, 3.0, noticed))
    assert call.caller.played == whole.caller.played
    assert call.conversation == whole.conversation
    assert call.told == ["resumed", "resumed"]
    assert len(set(call.caller.tokens)) == 3


def test_the_greeting_is_said_once() -> None:
    """Whenever the network breaks, in the greeting or after it."""
    agent = Agent(name="Test", prompt="You answer.", greeting="Hello and welcome to the desk.")
    for at in (0.3, 0.9, 1.5, 2.5):
        call = held(Break(at, 1.0), speaks=(), leaves=8.0, agent=agent)
        assert call.conversation == [("assistant", "Hello and welcome to the desk.")]
        assert len(call.caller.played) == round(6 * 0.3 * 16_000) * 2, at


def test_away_for_too_long_the_call_ends_and_history_has_what_was_heard() -> None:
    """At five seconds, with the words that had been played when the connection broke."""
    call = held(Break(4.5, None))
    assert (call.reason, round(call.seconds, 1)) == ("line_lost", 9.5)
    (_, (_, heard)) = call.conversation
    assert 0 < len(heard.split()) < 9
    assert call.told == ["expired"]


def test_with_no_room_to_wait_the_call_ends_at_once() -> None:
    """As it does where calls are not resumed at all."""
    told: list[str] = []
    call = held(Break(4.5), room=WaitingRoom(5.0, told.append, most=0))
    assert (call.reason, round(call.seconds, 1), told) == ("line_lost", 4.5, ["no_room"])


def test_a_token_is_good_once_and_for_its_own_call() -> None:
    """A used one, a wrong one and none are refused alike, and the call does not notice."""

    class Thief(ReturningCaller):
        def receive(self, message: object) -> None:
            super().receive(message)  # type: ignore[arg-type]
            if isinstance(message, Reconnected):
                loop = asyncio.get_running_loop()
                for token in (self.tokens[0], "x" * 43, "", "ü"):
                    loop.call_later(1.0, self.steal, token)

        def steal(self, token: str) -> None:
            self.resume(self.transport, [token])

        async def live(self, transport: BrowserTransport) -> None:
            self.transport = transport
            await super().live(transport)

    thief = Thief(((1.0, 2.0),), (Break(4.5),), 30.0)
    call = held(caller=thief)
    assert thief.refused == ["resume_refused"] * 4
    assert call.reason == "caller_hung_up"
    assert [role for role, _ in call.conversation] == ["user", "assistant"]


def test_a_connection_that_breaks_before_it_was_confirmed_leaves_the_token_good(whole: ResumedCall) -> None:
    """The caller never learned the next one: they come again with the one that they know."""

    class Unlucky(ReturningCaller):
        def open(self) -> Connection:
            connection = super().open()
            self.opened = getattr(self, "opened", 0) + 1
            connection.lost = self.opened == 2  # nothing comes through the second one
            return connection

    caller = Unlucky(((1.0, 2.0),), (Break(4.5, 1.0), Break(5.6, 1.0)), 30.0)
    call = held(caller=caller)
    assert call.caller.refused == []
    assert call.told == ["resumed", "resumed"]
    assert call.caller.played == whole.caller.played


def test_a_thousand_wait_and_come_back(whole: ResumedCall) -> None:
    """All at once, in one process; with one more that one ends."""
    told: list[str] = []
    room = WaitingRoom(5.0, told.append, most=1000)

    async def story() -> list[ResumedCall]:
        return await asyncio.gather(
            *(call_with_breaks(Break(2.0), speaks=(), leaves=5.5, room=room, told=told) for _ in range(1001))
        )

    calls = run(story())
    reasons = [call.reason for call in calls]
    assert (reasons.count("caller_hung_up"), reasons.count("line_lost")) == (1000, 1)
    assert (told.count("resumed"), told.count("no_room"), room.waiting) == (1000, 1, 0)


@pytest.mark.parametrize("tenths", range(20, 75, 5))
def test_wherever_it_is_cut_all_of_it_is_heard_once(whole: ResumedCall, tenths: int) -> None:
    """Every half second, noticed or not."""
    for noticed in (True, False):
        call = held(Break(tenths / 10, 3.0, noticed))
        assert call.caller.played == whole.caller.played
        assert call.conversation == whole.conversation


def test_those_who_watch_are_told_at_once_and_the_caller_when_they_are_back() -> None:
    """In the order in which it was."""
    call = held(Break(4.5))
    kinds = [type(e) for e in call.caller.events if isinstance(e, Reconnecting | Reconnected)]
    assert kinds == [Reconnecting, Reconnected]
