"""A language model's answer that may call tools: rounds of words, calls and results, until it has said what it wants.

What it calls is judged (`agents.tools.proposals`). A tool that reads runs at once; one that writes is read to the
caller, who is asked; an argument that nobody said is asked for. Either of these ends the answer. The model never says
that something is done: the ledger lets it run after a yes, and its outcome is said by rule. That the call be over
it may wish: it is when the caller was done, and has heard the goodbye.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from msgspec.structs import replace

from lineside.agents.tasks.native_turn import asked_for, asked_to_confirm
from lineside.agents.tasks.phrases import BYE
from lineside.agents.tasks.state import Question, Say, SlotValue, TaskState, joined
from lineside.agents.tasks.steps import OFFER
from lineside.agents.tools.grounding import CallerEvidence
from lineside.agents.tools.outcome import Use
from lineside.agents.tools.proposals import (
    AcceptedCall,
    ArgumentWanted,
    EndWanted,
    RejectedCall,
    judge,
    note_text,
    tool_specs,
)
from lineside.call.answer import fixed_answer, written_answer
from lineside.call.call_context import CallContext
from lineside.call.dialog import EARLY_READS
from lineside.call.rule_turn import RuleTurn
from lineside.call.written_text import AnswerPart, AnswerPiece, WholeText
from lineside.engines.protocols import Message, Token, ToolCall

WAITS_FOR_YES = "the caller is asked now whether this is to be done; do not call it again unless they change a value"
ENDS = "the call ends when the caller has heard the goodbye"
ONE_AT_A_TIME = "one thing at a time; call it again after the caller has answered"
NOT_FOUND = f"I'm sorry, I can't find that out. {OFFER}"


def answer_by_model(
    context: CallContext, rules: RuleTurn, question: str, besides: str, *, native: bool
) -> AsyncGenerator[AnswerPart, None]:
    """The language model's answer to a question; `native`: it may call tools. Raises `EngineError`."""
    if native:
        return NativeAnswer(context, rules).parts(question, besides)
    messages = context.history.messages(asking=question, context=besides)
    language, may_say = context.agent.language, context.dialog.may_say
    return written_answer(context.llm, messages, context.request, language, may_say, context.history.said)


class NativeAnswer:
    """One reply's talk with the model."""

    def __init__(self, context: CallContext, rules: RuleTurn) -> None:
        self._context, self._rules, self._exchange = context, rules, rules.exchange
        self._early = 0  # tools that ran before the caller's turn was over

    async def parts(self, question: str, besides: str) -> AsyncGenerator[AnswerPart, None]:
        """The answer to a question; `besides`: what the model is told of it. Raises `EngineError`."""
        context, whole = self._context, ""
        dialog, messages = context.dialog, context.history.messages(asking=question, context=besides)
        for _ in range(context.agent.limits.rounds_a_turn):
            # While something is being changed, nothing else is begun.
            tools = () if dialog.writing else tool_specs(context.agent)
            calls, words = list[ToolCall](), ""
            answer = self._round((*messages, *self._exchange.messages), tools=bool(tools))
            async with aclosing(answer) as parts:
                async for part in parts:
                    match part:
                        case ToolCall():
                            calls.append(part)
                        case WholeText(text=text):
                            words = text
                        case _:
                            yield part
            whole = joined(whole, words)
            if not calls:
                yield WholeText(whole)
                return
            if words:
                yield Token(" ")
            said = await self._carry_out(self._exchange.called(words, calls), question)
            if self._rules.ends is not None and not BYE.search(words):
                said = context.agent.farewell
            if said or self._rules.ends is not None:
                break
        else:
            said = NOT_FOUND
            self._rules.keep(replace(self._rules.state, asked=Question("person", OFFER)))
        yield WholeText(joined(whole, said))
        for part in fixed_answer(said):
            if isinstance(part, AnswerPiece):
                yield part

    def _round(self, messages: tuple[Message, ...], *, tools: bool) -> AsyncGenerator[AnswerPart, None]:
        context = self._context
        request = replace(context.request, tools=tool_specs(context.agent) if tools else ())
        return written_answer(context.llm, messages, request, context.agent.language, context.dialog.may_say)

    async def _carry_out(self, calls: list[ToolCall], question: str) -> str:
        """Do what may be done of these; answers what has to be said to the caller before anything else is."""
        desk, said, reads = self._context.dialog.desk(), "", list[tuple[ToolCall, Use]]()
        for call in calls:
            judged = judge(call, desk.agent, self._evidence(question), desk.place)
            match judged:
                case RejectedCall(why=why):
                    self._exchange.answered(call.id, note_text("refused", why))
                case _ if said:
                    self._exchange.answered(call.id, note_text("refused", ONE_AT_A_TIME))
                case ArgumentWanted(slot=slot, why=why, use=use):
                    self._exchange.answered(call.id, note_text("waiting", why))
                    said = self._moved(*asked_for(self._rules.state, desk, slot, use))
                case EndWanted() if len(calls) > 1 or self._context.dialog.writing:
                    self._exchange.answered(call.id, note_text("refused", ONE_AT_A_TIME))
                case EndWanted():
                    self._exchange.answered(call.id, note_text("ok", ENDS))
                    self._rules.ends = "agent_said_goodbye"
                case AcceptedCall(use=use) if desk.agent.tools[use.tool].writes:
                    self._note(use)
                    self._exchange.answered(call.id, note_text("waiting", WAITS_FOR_YES))
                    said = self._moved(*asked_to_confirm(self._rules.state, desk, use))
                case AcceptedCall(use=use):
                    self._note(use)
                    reads.append((call, use))
        await self._read(reads)
        return said

    def _moved(self, state: TaskState, move: object) -> str:
        self._rules.keep(state)
        return move.text if isinstance(move, Say) else ""

    def _note(self, use: Use) -> None:
        """Values that the caller has given fill their slots."""
        state, slots = self._rules.state, self._context.agent.slots
        known = {name: given.value for name, given in state.slots.items()}
        new = {
            name: SlotValue(value)
            for name, value in use.arguments.items()
            if name in slots and known.get(name) != value
        }
        if new:
            self._rules.keep(replace(state, slots=state.slots | new))

    async def _read(self, reads: list[tuple[ToolCall, Use]]) -> None:
        """Run these side by side; the results come into the exchange, whoever waits for them by then."""
        if not reads:
            return
        dialog, tools = self._context.dialog, self._context.agent.tools
        self._early += len(reads)
        if self._early > EARLY_READS or not all(tools[use.tool].early for _, use in reads):
            await self._rules.allowed.wait()
        self._rules.waiting[:] = [line for _, use in reads for line in tools[use.tool].says]
        running = [dialog.read_for(use, self._answers(call)) for call, use in reads]
        await asyncio.gather(*(asyncio.shield(task) for task in running))

    def _answers(self, call: ToolCall) -> "Callable[[str], None]":
        exchange = self._exchange
        return lambda content: exchange.answered(call.id, content)

    def _evidence(self, question: str) -> CallerEvidence:
        context, state = self._context, self._rules.state
        turns = tuple(message.content for message in context.history.said if message.role == "user")
        slots = {name: given.value for name, given in state.slots.items() if given.by != "skipped"}
        return CallerEvidence((*turns, question), slots, context.dialog.given)
