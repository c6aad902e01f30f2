"""What is answered without the language model: an answer as it stands, or that it is not known."""

from lineside.agents.knowledge.agent_knowledge import AGAIN, CLOCK, Knows
from lineside.agents.knowledge.knowledge import NotKnown, Verbatim
from lineside.call.chat_history import ChatHistory


async def answer_by_rule(knowledge: Knows, history: ChatHistory, question: str, *, unknown: str) -> str | None:
    """The answer by rule; None leaves it to the language model. Takes 0.3 s at the most.

    `unknown` is said where nothing is known of the question; empty: the model answers then.
    """
    last = history.last_agent_words
    match await knowledge.answer(question, before=history.last_caller_words, asked=last):
        case Verbatim(passage=passage) if passage.says == AGAIN:
            return last or None  # the caller did not understand: the same once more
        case Verbatim(passage=passage):
            return passage.says if passage.says != CLOCK else None
        case NotKnown():
            return unknown.strip() or None
        case _:
            return None
