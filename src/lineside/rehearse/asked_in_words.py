"""What a caller is asked where only the agent's words tell: a language model asks in words of its own. Pure."""

import re

from msgspec.structs import replace

from lineside.agents.agent import Agent
from lineside.agents.slots.numbers import plain_words
from lineside.agents.tasks.state import Question, TaskState
from lineside.agents.templates import reached

ENOUGH = 0.6  # of a question's telling words
_MORE = re.compile(r"\b(?:anything|something) else\b|\bhow (?:can|may) i help\b", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_EMPTY_TEXT = "a an and the is are do does can could may i you your me my we us it to of for in on at what"
_EMPTY = frozenset(_EMPTY_TEXT.split())


def with_question(state: TaskState, words: str, agent: Agent) -> TaskState:
    """The state as a caller understands it: where no rule has asked, what the agent's last words ask."""
    if state.asked is not None:
        return state
    return replace(state, asked=asked_in(words, agent))


def asked_in(words: str, agent: Agent) -> Question | None:
    """What these words ask for: a slot, or whether there is anything else; None: nothing that a caller knows of."""
    for name, slot in agent.slots.items():
        if any(reached(question, words) for question in (slot.asks, *slot.again)):
            return Question("slot", words, name)
    if _MORE.search(words):
        return Question("more", words)
    asked = [sentence for sentence in _SENTENCE.split(words.strip()) if sentence.endswith("?")]
    if not asked:
        return None
    said = _telling(asked[-1])
    share, name = max(
        ((_share(_telling(slot.asks), said), name) for name, slot in agent.slots.items()), default=(0, "")
    )
    return Question("slot", words, name) if share >= ENOUGH else None


def _telling(text: str) -> set[str]:
    return {word for word in plain_words(text) if word not in _EMPTY}


def _share(wanted: set[str], said: set[str]) -> float:
    return len(wanted & said) / len(wanted) if wanted else 0.0
