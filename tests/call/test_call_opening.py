"""Calls of ours: the agent waits until it is known who has taken them, and acts on it."""

from msgspec.structs import replace

from lineside.agents.agent import Agent
from lineside.engines.vendors.scripted import ScriptedSTT
from lineside.line_events import CallTaken
from lineside.protocol import AudioStarted, Transcript, TurnStarted
from lineside.transports.answer_plan import AnswerPlan
from lineside.transports.scripted import CallerSilent, CallerSpeaks
from tests.call.fixtures import FinishedCall, run_call

AGENT = Agent(name="Test", prompt="You answer.", greeting="Hello, this is Miller Heating.")
HANG_UP = AnswerPlan()
VOICEMAIL = "You have reached Anna. Please leave a message after the tone."
SCREENING = "Please record your name and reason for calling."


def called(*script: CallerSpeaks | CallerSilent, hears: str | list[str], plan: AnswerPlan = HANG_UP) -> FinishedCall:
    words = [hears] if isinstance(hears, str) else hears
    return run_call(*script, agent=AGENT, stt=ScriptedSTT(hears=words), plan=plan)


def test_a_person_is_greeted_when_they_have_said_hello() -> None:
    """Not before, and within a second; what they said is part of the conversation, and no turn of theirs."""
    call = called(CallerSilent(1.0), CallerSpeaks(0.6), CallerSilent(5.0), hears="Hello?")
    assert [taken.by for taken in call.all(CallTaken)] == ["human"]
    (greeted,) = call.all(AudioStarted)
    assert 1.6 + 0.5 <= greeted.at <= 1.6 + 1.0
    assert call.conversation[:2] == [("user", "Hello?"), ("assistant", AGENT.greeting)]
    assert call.all(TurnStarted) == []
    assert [one.text for one in call.all(Transcript)] == ["Hello?"]


def test_after_the_greeting_the_call_is_like_any_other() -> None:
    """Their next turn is answered by the agent."""
    script = (CallerSilent(0.5), CallerSpeaks(0.6), CallerSilent(4.0), CallerSpeaks(1.0), CallerSilent(4.0))
    call = called(*script, hears=["Hello?", "What is it about?"])
    assert [role for role, _ in call.conversation] == ["user", "assistant", "user", "assistant"]
    assert ("user", "What is it about?") in call.conversation


def test_who_says_nothing_is_spoken_to_after_five_seconds() -> None:
    """Some people wait."""
    call = called(CallerSilent(12.0), hears="x")
    assert [taken.by for taken in call.all(CallTaken)] == ["unknown"]
    assert 5.0 <= call.all(AudioStarted)[0].at <= 5.6


def test_an_answering_machine_is_hung_up_on() -> None:
    """Nothing is said to it."""
    call = called(CallerSilent(0.5), CallerSpeaks(4.0), CallerSilent(9.0), hears=VOICEMAIL)
    assert call.reason == "voicemail"
    assert [taken.by for taken in call.all(CallTaken)] == ["voicemail"]
    assert call.all(AudioStarted) == []


def test_an_answering_machine_has_the_message_after_its_greeting() -> None:
    """Two seconds after it fell silent, whole; then the call is over."""
    plan = AnswerPlan("leave_message", "Please call Miller Heating back.")
    call = called(CallerSilent(0.5), CallerSpeaks(4.0), CallerSilent(30.0), hears=VOICEMAIL, plan=plan)
    assert call.reason == "voicemail_left"
    (message,) = call.all(AudioStarted)
    assert 6.4 <= message.at <= 7.2
    assert "".join(words for role, words in call.conversation if role == "assistant") == plan.message


def test_a_machine_may_be_talked_to_all_the_same() -> None:
    """`continue`: the agent greets it."""
    plan = AnswerPlan("continue")
    call = called(CallerSilent(0.5), CallerSpeaks(4.0), CallerSilent(9.0), hears=VOICEMAIL, plan=plan)
    assert call.conversation[-1] == ("assistant", AGENT.greeting)


def test_a_program_that_asks_who_calls_is_told_and_then_a_person_is_greeted() -> None:
    """It is told once; the person who comes is greeted as such."""
    script = (CallerSilent(0.5), CallerSpeaks(3.0), CallerSilent(9.0), CallerSpeaks(0.6), CallerSilent(6.0))
    plan = AnswerPlan(screening="Miller Heating, about your visit on Friday.")
    call = called(*script, hears=[SCREENING, "Hello?"], plan=plan)
    assert [taken.by for taken in call.all(CallTaken)] == ["screening", "human"]
    assert [words for role, words in call.conversation if role == "assistant"] == [plan.screening, AGENT.greeting]


def test_nobody_is_asked_whether_they_are_there_while_it_is_found_out() -> None:
    """CALLER_SILENCE_S does not run meanwhile, and a call that ends leaves no task."""
    script = (CallerSilent(0.5), CallerSpeaks(3.0), CallerSilent(20.0))
    call = called(*script, hears=SCREENING)
    assert [role for role, _ in call.conversation] == ["user", "assistant"]


def test_an_agent_without_a_greeting_says_who_calls_when_it_calls() -> None:
    """Such an agent waits for callers to speak; whoever was called waits for it, and would hang up on silence."""
    quiet = replace(AGENT, greeting="", who_calls="Hier ist {name}, {ein} Automat.")
    call = run_call(
        CallerSilent(1.0),
        CallerSpeaks(0.6),
        CallerSilent(5.0),
        agent=quiet,
        stt=ScriptedSTT(hears=["Hello?"]),
        plan=HANG_UP,
    )
    assert call.conversation[:2] == [("user", "Hello?"), ("assistant", "Hier ist Test, {ein} Automat.")]
