"""What one reply makes of the caller's turn by rule: what it says, which tools it uses, how far the business comes."""

import asyncio
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from lineside.agents.slots.extract import Said
from lineside.agents.tasks.native_turn import native_turn
from lineside.agents.tasks.state import Do, Question, Say, TaskState, Think, Turn, Words
from lineside.agents.tasks.steps import after_tool
from lineside.agents.tasks.turn import next_turn
from lineside.agents.tools.outcome import Use
from lineside.call.dialog import BUSY, EARLY_READS, TaskDialog, nobody_waits
from lineside.call.tool_exchange import ToolExchange
from lineside.engines.protocols import ToolCall
from lineside.protocol import EndReason


class RuleTurn:
    """What one reply makes of the caller's turn by rule."""

    def __init__(self, dialog: TaskDialog, allowed: asyncio.Event, waiting: list[str], exchange: ToolExchange) -> None:
        """`allowed`: is set when the reply may be heard. `waiting` gets what is said while a tool runs.

        `exchange` gets what a language model is shown of it.
        """
        self._dialog, self.allowed, self.waiting, self.exchange = dialog, allowed, waiting, exchange
        self._state: TaskState | None = None  # to be installed when it is allowed
        self.ends: EndReason | None = None  # why the call ends when the reply has been heard

    def allow(self) -> None:
        """The reply is allowed: what it has found out by now is so."""
        if self._state is not None:
            self._dialog.install(self._state)
            self._state = None

    @property
    def state(self) -> TaskState:
        """How far the business has come, with what this reply has found out."""
        return self._state or self._dialog.state

    async def decide(self, said: Said, *, native: bool = False) -> Words:
        """What to say to this. Tools that read may run meanwhile; what changes something waits for the turn's end.

        `native`: a language model calls the tools; rules keep what they must.
        """
        dialog = self._dialog
        decided = native_turn if native else next_turn
        if dialog.writing:
            return _while_writing(decided(TaskState(), dialog.desk(), said))
        desk, reads = dialog.desk(), 0
        state, move = decided(dialog.state, desk, said)
        while isinstance(move, Do):
            tool = desk.agent.tools[move.use.tool]
            self.keep(state)
            self.waiting[:] = tool.says
            if tool.writes:
                await self.allowed.wait()
                return await dialog.write(move, desk.heard, self._shown(move.use) if native else nobody_waits)
            if not tool.early or reads >= EARLY_READS:
                await self.allowed.wait()
            reads += 1
            outcome = await dialog.read(move.use)
            state, move = after_tool(state, dialog.desk(), move.use, outcome)
        self.keep(state)
        return move

    def keep(self, state: TaskState) -> None:
        """This is so once the reply is allowed."""
        self._state = state
        if self.allowed.is_set():
            self.allow()

    def ask(self, question: Question | None) -> None:
        """This is asked besides what the rules have decided; None: nothing is."""
        if question is not None:
            self.keep(replace(self.state, asked=question))

    def _shown(self, use: Use) -> Callable[[str], None]:
        """A write as the model is shown it: as if it had called it again after the yes. Secrets are not."""
        arguments = self._dialog.without_secrets(use.arguments)
        (call,) = self.exchange.called("", [ToolCall("", use.tool, msgspec.json.encode(arguments).decode())])
        exchange = self.exchange
        return lambda content: exchange.answered(call.id, content)


def _while_writing(turn: Turn) -> Words:
    """While something is being changed, questions are answered, and nothing else is begun."""
    _, move = turn
    return move if isinstance(move, Think) else Say(BUSY)
