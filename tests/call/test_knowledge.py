"""An agent's answers are spoken as they stand, and no model invents what nobody told it."""

import asyncio
from pathlib import Path
from typing import Any

from lineside.agents.agent import Agent, VerbatimAnswer
from lineside.agents.knowledge.agent_knowledge import KnowledgeCache, KnowledgePlaces
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT
from lineside.protocol import FirstMessage, Text
from lineside.transports.scripted import CallerSends, CallerSilent, CallerSpeaks, Doing
from tests.call.fixtures import FinishedCall, finished_call, run_call
from tests.virtual_time import run

DESK = Agent(
    name="Desk",
    prompt="You answer.",
    answers=(
        VerbatimAnswer("opening hours on Sunday", "On Sunday we are closed.", ("are you open on Sunday",)),
        VerbatimAnswer("price of the Basic plan", "Basic costs 25 dollars."),
    ),
    unknown="I don't know that.",
)


def asked(*said: str, agent: Agent = DESK, places: KnowledgePlaces | None = None, **given: Any) -> FinishedCall:
    knowledge = asyncio.run(KnowledgeCache(None, places).of(agent))  # reads files, which takes real time
    script: list[Doing] = [doing for text in said for doing in (CallerSends(Text(text)), CallerSilent(5.0))]
    return run_call(*script, agent=agent, llm=ScriptedLLM(answers=["We open at noon."]), knowledge=knowledge, **given)


def said_by_the_agent(call: FinishedCall) -> list[str]:
    return [text for role, text in call.conversation if role == "assistant"]


def test_a_plain_question_is_answered_without_the_model() -> None:
    """Word for word, at once."""
    call = asked("Are you open on Sundays?")
    assert said_by_the_agent(call) == ["On Sunday we are closed."]
    assert call.llm.asked == []


def test_what_is_not_known_is_not_invented() -> None:
    """The model is not even asked."""
    call = asked("Do you sell mobile phones?")
    assert said_by_the_agent(call) == ["I don't know that."]
    assert call.llm.asked == []


def test_without_a_line_for_it_the_model_answers_what_is_not_known() -> None:
    """As before there were answers."""
    desk = Agent(name="Desk", prompt="You answer.", answers=DESK.answers)
    assert said_by_the_agent(asked("Do you sell mobile phones?", agent=desk)) == ["We open at noon."]


def test_a_person_comes_before_all_answers() -> None:
    """A wish for one is no question."""
    assert said_by_the_agent(asked("Let me speak to a person.")) == [DESK.no_transfer]


def test_half_a_question_goes_on_with_the_one_before_in_a_call() -> None:
    """What the caller asked before is known."""
    call = asked("When are you closed?", "And on Sunday?", "And the price of Basic?")
    assert said_by_the_agent(call)[1:] == ["On Sunday we are closed.", "Basic costs 25 dollars."]


def test_a_prompt_of_the_callers_own_knows_nothing_of_the_agents() -> None:
    """The model answers everything."""
    call = asked("Are you open on Sundays?", hello=FirstMessage(codec="pcm", system_prompt="You are a bakery."))
    assert said_by_the_agent(call) == ["We open at noon."]


def test_the_model_knows_the_answers_too() -> None:
    """They stand in its prompt, for questions that are about several of them."""
    assert "price of the Basic plan: Basic costs 25 dollars." in DESK.opening()[0].content


def test_the_model_is_told_what_the_documents_say_of_a_question(tmp_path: Path) -> None:
    """Right before the caller's words, for this answer alone; history holds what was said."""
    (tmp_path / "house.md").write_text("# Parking\n\nThe car park behind the house is free on weekdays.\n")
    desk = Agent(name="Desk", prompt="You answer.", documents=("*.md",), unknown="I don't know that.")
    call = asked(
        "Is the car park free?", "Do you sell dogs?", agent=desk, places=KnowledgePlaces(tmp_path, tmp_path, tmp_path)
    )
    [question] = call.llm.asked
    assert question[-1].content.endswith("Is the car park free?")
    assert "Parking: The car park behind the house is free on weekdays." in question[-1].content
    assert ("user", "Is the car park free?") in call.conversation
    assert said_by_the_agent(call) == ["We open at noon.", "I don't know that."]


def test_another_language_is_left_to_the_model() -> None:
    """The rules for words are English."""
    desk = Agent(name="Desk", prompt="x", answers=DESK.answers, unknown="Weiß ich nicht.", language="de")
    assert said_by_the_agent(asked("Are you open on Sundays?", agent=desk)) == ["We open at noon."]


def test_a_spoken_question_is_answered_by_rule_too() -> None:
    """From the words that were heard."""

    async def story() -> FinishedCall:
        knowledge = await KnowledgeCache(None).of(DESK)
        return await finished_call(
            CallerSpeaks(1.5),
            CallerSilent(7.0),
            agent=DESK,
            stt=ScriptedSTT(hears=["Are you open on Sundays?"]),
            llm=ScriptedLLM(answers=["We open at noon."]),
            knowledge=knowledge,
        )

    call = run(story())
    assert said_by_the_agent(call) == ["On Sunday we are closed."]
    assert call.llm.asked == []
