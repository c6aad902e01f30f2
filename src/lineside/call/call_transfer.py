"""Puts the caller through to a person, once the sentence that promises it has been heard.

The order: the agent says so, the caller hears it to its end (by the line's marks, where it has them), the line moves
the call. Only where that fails is the call still ours: then the agent says so, and goes on.
"""

from collections.abc import Callable
from typing import Literal

import structlog

from lineside.agents.agent import Agent
from lineside.call.call_context import CallContext
from lineside.call.handover import handover, speech_for_line
from lineside.call.observers import Observer
from lineside.call.reply_input import AgentLine
from lineside.errors import LinesideError
from lineside.protocol import AudioDone, BargeIn, EndReason, ServerMessage, TransferDone, TransferRequested
from lineside.settings import Settings
from lineside.transports.line_control import LineControl, TransferOutcome, TransferTarget

log = structlog.get_logger()


class CallTransfer(Observer):
    """The transfer of one call, where its line can, somebody is named and the desk is open."""

    hears = (TransferRequested, BargeIn, AudioDone)

    def __init__(
        self,
        control: LineControl | None,
        settings: Settings,
        agent: Agent,
        *,
        end: Callable[[EndReason], None],
        say: Callable[[AgentLine], None],
    ) -> None:
        """`end` ends the call on our side; `say` says something to a caller who is still here.

        `TRANSFER_HOW` is how the operator wants it; a line that can only do the other does that.
        """
        self._control, self._to, self._end, self._say = control, settings.transfer_to, end, say
        can = control.abilities if control is not None else frozenset()
        warm = "transfer_warm" in can and (settings.transfer_how == "warm" or "transfer_cold" not in can)
        self._how: Literal["cold", "warm"] = "warm" if warm else "cold"
        able = warm or "transfer_cold" in can
        self.possible = able and bool(self._to) and agent.is_open()  # else the agent promises none
        self._wanted: tuple[int, int] | None = None  # turn and reply of the promise
        self._context: CallContext | None = None
        self._under_way = False

    def attach(self, context: CallContext) -> None:
        """The call runs."""
        self._context = context

    def close(self) -> None:
        """The call is over; it is let go of."""
        self._context, self._control = None, None
        self._end, self._say = lambda reason: None, lambda line: None

    def on_event(self, event: ServerMessage) -> None:
        """See `Observer`."""
        match event:
            case TransferRequested(turn=turn, reply=reply):
                self._wanted = turn, reply
            case BargeIn(turn=turn, reply=reply) if (turn, reply) == self._wanted:
                self._wanted = None  # "no, wait": they will say what they want
            case AudioDone(turn=turn, reply=reply) if (turn, reply) == self._wanted:
                self._wanted = None
                self._begin(turn, reply)

    def _begin(self, turn: int, reply: int) -> None:
        context, control = self._context, self._control
        if context is not None and control is not None and self.possible and not self._under_way:
            self._under_way = True
            context.tasks.start(self._transfer(context, control, turn, reply), "transfer")

    async def _transfer(self, context: CallContext, control: LineControl, turn: int, reply: int) -> None:
        try:
            outcome = await control.transfer(self._target(context), self._how)
        except LinesideError as why:
            outcome = TransferOutcome("failed", str(why))
        self._under_way = False
        done = TransferDone(at=context.clock.at, turn=turn, reply=reply, to=self._to, result=outcome.result)
        context.observers.on_event(done)
        if outcome.done:
            self._end("transferred")
        else:
            log.warning("a transfer failed", result=outcome.result, why=outcome.detail)
            self._say(AgentLine(context.agent.not_reached))

    def _target(self, context: CallContext) -> TransferTarget:
        if self._how == "cold":
            return TransferTarget(self._to)
        said = handover(context.agent, context.facts.caller, context.dialog.state, context.history.said)
        return TransferTarget(self._to, summary=said, speak=speech_for_line(context))
