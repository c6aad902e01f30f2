"""An operator in a call: says words as the agent, takes the call over and hands it back."""

import asyncio
from collections.abc import Callable

from lineside.audio.vad import LoudnessVad
from lineside.call.session import CallSession
from lineside.call.supervision import LEASE, SENTENCES, OperatorOrder, Supervision
from lineside.engines.registry import Engines
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT, ScriptedTTS
from lineside.protocol import FirstMessage, OperatorActed, ReplyText, ServerMessage, Transcript
from lineside.transports.scripted import CallerSilent, CallerSpeaks, Doing, ScriptedTransport
from tests.call.fixtures import AGENT, settings
from tests.virtual_time import run

SAY, TAKE, BACK = (OperatorOrder(what, "This is Ann.") for what in ("says", "takes_over", "hands_back"))


def supervised(
    *script: Doing, orders: dict[float, OperatorOrder], answers: int = 4
) -> tuple[CallSession, list[ServerMessage]]:
    """Hold a call in which an operator does these things at these seconds."""

    async def story() -> tuple[CallSession, list[ServerMessage]]:
        transport = ScriptedTransport(script, codec="pcm", rate=16_000)
        stt = ScriptedSTT(hears=["First.", "Second.", "Third."])
        llm, tts = ScriptedLLM(answers=["One.", "Two.", "Three."]), ScriptedTTS()
        engines = Engines(stt, llm, tts, {"stt": "s", "llm": "l", "tts": "t"}, tts)
        call = CallSession(
            transport,
            FirstMessage(codec="pcm", greeting=""),
            agent=AGENT,
            engines=engines,
            settings=settings(),
            vad=LoudnessVad(),
        )
        later: Callable[..., object] = asyncio.get_running_loop().call_later
        for at, order in orders.items():
            later(at, call.supervise, order)
        await call.run()
        return call, transport.events

    return run(story())


def said(call: CallSession) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in call._context.history.said]


def test_what_an_operator_types_is_spoken_as_the_agents_words() -> None:
    """When nobody speaks, and the history has it as what the agent said."""
    call, events = supervised(CallerSilent(6.0), orders={1.0: SAY})
    assert said(call) == [("assistant", "This is Ann.")]
    assert [event.what for event in events if isinstance(event, OperatorActed)] == ["says"]


def test_it_waits_until_the_caller_has_spoken_and_was_answered() -> None:
    """Nobody is talked over."""
    call, _ = supervised(CallerSpeaks(2.0), CallerSilent(8.0), orders={1.0: SAY})
    assert said(call) == [("user", "First."), ("assistant", "One. This is Ann.")]


def test_while_a_call_is_taken_over_the_caller_is_understood_and_the_agent_is_silent() -> None:
    """The operator answers; handed back, the agent goes on and knows what was said."""
    call, events = supervised(
        *(CallerSpeaks(1.0), CallerSilent(5.0), CallerSpeaks(1.0), CallerSilent(6.0)),
        orders={0.1: TAKE, 4.0: SAY, 5.5: BACK},
    )
    assert said(call) == [("user", "First."), ("assistant", "This is Ann."), ("user", "Second."), ("assistant", "One.")]
    assert [event.text for event in events if isinstance(event, ReplyText) and event.turn == 1] == ["This is Ann."]
    assert len([event for event in events if isinstance(event, Transcript)]) == 2


def test_an_answer_that_was_prepared_before_the_take_over_is_not_said() -> None:
    """It was silent still: nobody misses it."""
    call, _ = supervised(CallerSpeaks(1.0), CallerSilent(6.0), orders={1.6: TAKE})
    assert [role for role, _ in said(call)] == ["user"]


def test_a_take_over_lapses_when_the_operator_is_gone() -> None:
    """The agent answers again, and whoever follows the call is told."""
    call, events = supervised(*(CallerSilent(LEASE + 3.0), CallerSpeaks(1.0), CallerSilent(5.0)), orders={1.0: TAKE})
    assert [event.what for event in events if isinstance(event, OperatorActed)] == ["takes_over", "hands_back"]
    assert said(call)[-1] == ("assistant", "One.")


def test_so_many_sentences_wait_and_no_more() -> None:
    """One more is refused; none is forgotten."""
    supervision = Supervision()
    assert all(supervision.act(SAY, 0.0) for _ in range(SENTENCES))
    assert not supervision.act(SAY, 0.0)
    assert supervision.due(idle=False) is None
    assert supervision.due(idle=True) is not None
    assert supervision.act(SAY, 0.0)
