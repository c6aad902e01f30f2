"""What is answered without the language model, and what the model is told of a question that it answers."""

from msgspec import Struct

from lineside.agents.knowledge.agent_knowledge import AGAIN
from lineside.agents.knowledge.index import Passage
from lineside.agents.knowledge.knowledge import CLOCK, DidYouMean, MayBe, NotKnown, Verbatim
from lineside.agents.tasks.asked_back import ask_back, not_known
from lineside.agents.tasks.phrases import is_question
from lineside.agents.tasks.state import Question
from lineside.call.call_context import CallContext

MOST_TOLD = 2  # passages of documents; forty words each cost a small model on a processor a second


class ByRule(Struct, frozen=True):
    """An answer without the language model."""

    text: str
    asked: Question | None = None  # what it asks


class ByModel(Struct, frozen=True):
    """The language model answers."""

    context: str = ""  # what it is told for this question; empty: it knows what its prompt says


async def answer_by_rule(
    context: CallContext, question: str, *, native: bool, in_task: bool = False
) -> ByRule | ByModel:
    """Who answers, and with what. Takes 4 s at the most, on a machine that is far too busy.

    The agent's `unknown` is said where nothing is known of the question; without one the model answers then. `native`:
    what is no question is the model's, who may have asked for it, and what is not known here a tool may tell.
    `in_task`: a question of a task's follows the answer, so that it asks nothing of its own.
    """
    if native and not is_question(question):
        return ByModel()
    history, agent = context.history, context.agent
    unknown = agent.unknown.strip()
    last = history.last_agent_words
    match await context.knowledge.answer(question, before=history.last_caller_words, asked=last):
        case Verbatim(passage=passage) if passage.says == AGAIN:
            return ByRule(last) if last else ByModel()  # the caller did not understand: the same once more
        case Verbatim(passage=passage):
            return ByRule(passage.says) if passage.says != CLOCK else ByModel()
        case NotKnown():
            return ByModel() if native or not unknown else ByRule(unknown) if in_task else ByRule(*not_known(agent))
        case DidYouMean(candidates=candidates):
            if native or (in_task and not unknown):
                return ByModel()
            asked = ask_back(candidates)
            return ByRule(unknown) if in_task or asked is None else ByRule(asked.text, asked)
        case MayBe(passages=passages):
            return ByModel("\n".join(map(_line, [paper for paper in passages if paper.source][:MOST_TOLD])))


def _line(passage: Passage) -> str:
    return f"{passage.about}: {passage.says}" if passage.about else passage.says
