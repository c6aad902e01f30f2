"""A question back where it is not plain what a caller asks: "Did you mean: …?", and what they answer to it. Pure."""

import re
from collections.abc import Sequence

from msgspec.structs import replace

from lineside.agents.agent import Agent
from lineside.agents.knowledge.knowledge import LikelyAnswer
from lineside.agents.knowledge.words import content_words
from lineside.agents.slots.extract import Said, said_yes_or_no
from lineside.agents.tasks.phrases import is_question
from lineside.agents.tasks.state import Desk, OfferedAnswer, Question, Say, TaskState, Think, Turn, joined
from lineside.agents.tasks.steps import OFFER

# What stands beside a yes or a no without being a question of its own.
_BESIDE_TEXT = """
yes yeah yep correct right exactly meant meaning nope nah neither none different wrong
"""
_BESIDE = frozenset(_BESIDE_TEXT.split())
_PUNCTUATION = re.compile(r"[\s?.!]+$")


def ask_back(candidates: Sequence[LikelyAnswer]) -> Question | None:
    """Ask for the first of these, and keep the others for a no; None: there is none."""
    if not candidates:
        return None
    texts = tuple(OfferedAnswer(_asking_for(one), one.passage.says) for one in candidates)
    return Question("meant", texts[0].question, offered=texts)


def not_known(agent: Agent) -> tuple[str, Question | None]:
    """What is said where nothing is known, and what it asks: whether a person is wanted, if the line can transfer."""
    unknown = agent.unknown.strip()
    if agent.transfer == agent.no_transfer or not agent.transfer or unknown.endswith("?"):
        return unknown, None
    return joined(unknown, OFFER), Question("person", OFFER)


def meant_answered(state: TaskState, desk: Desk, said: Said) -> Turn | None:
    """The caller was asked whether they meant one thing: the answer, the next thing, or that it is not known.

    None: they said neither yes nor no, or something else that they want to know.
    """
    if state.asked is None or (not said.keys and _says_more(said.text)):
        return None
    first, *others = state.asked.offered
    match said_yes_or_no(said):
        case "yes":
            return replace(state, asked=None, understood=state.understood + 1), Say(first.says)
        case "no" if others:
            return replace(state, asked=Question("meant", others[0].question, offered=tuple(others))), Say(
                others[0].question
            )
        case "no" if not desk.agent.unknown.strip():
            return replace(state, asked=None), Think()
        case "no":
            text, asked = not_known(desk.agent)
            return replace(state, asked=asked), Say(text)
    return None


def _says_more(text: str) -> bool:
    """Whether there is more to it than a yes or a no: "no, I want to know what it costs"."""
    return is_question(text) or len(set(content_words(text)) - _BESIDE) > 1


def _asking_for(candidate: LikelyAnswer) -> str:
    if not candidate.asks:
        return f"Is your question about {candidate.passage.about}?"
    return f"Did you mean: {_PUNCTUATION.sub('', candidate.asks)}?"
