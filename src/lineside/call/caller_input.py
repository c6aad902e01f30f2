"""What comes from the caller by their transport, on its way into the call: sound, keys, typed turns, marks."""

import asyncio
from collections.abc import Callable
from typing import cast

from msgspec.structs import replace

from lineside.agents.slots.keypad import SILENT, Keypad
from lineside.call.call_context import CallContext
from lineside.call.call_opening import CallOpening
from lineside.call.limits import CallLimits
from lineside.call.speaker import Speaker
from lineside.call.tasks import OneTask
from lineside.client_tools import ToolResult
from lineside.errors import TransportError
from lineside.line_report import LineMeasured
from lineside.protocol import ClientMessage, Dtmf, EndReason, Error, HangUp, Reconnected, Reconnecting, Text
from lineside.turns.floor_events import TypedTurn
from lineside.turns.open_turn import Heard

PROGRAMS = ("", "browser", "realtime", "test")  # lines whose keys come from a program, all at once
UNASKED = 1.2  # seconds without a key after which keys that nobody asked for are a turn


class CallerInput:
    """The call, as its transport sees it (`TransportListener`). Nothing here waits."""

    def __init__(
        self,
        context: CallContext,
        limits: CallLimits,
        on_speech: Callable[[Heard], None],
        end: Callable[[EndReason], None],
        speaker: Speaker,
        opening: CallOpening | None = None,
    ) -> None:
        """`on_speech` hears what the segmenter finds in the sound; `end` ends the call.

        `speaker` is told what the caller has not heard; `opening` hears all while it goes on.
        """
        self._context, self._limits, self._on_speech, self._end = context, limits, on_speech, end
        self._speaker, self._opening = speaker, opening
        self._hear = context.segmenter.hear
        self._keypad, self._key_timer = Keypad(), OneTask(context.tasks, "keypad")

    def on_audio(self, payload: bytes) -> None:
        """See `TransportListener`."""
        if self._opening is not None and self._opening.active:
            self._opening.on_audio(payload)
        for event in self._hear(payload):
            self._on_speech(event)

    def on_message(self, message: ClientMessage) -> None:
        """See `TransportListener`."""
        match message:
            case HangUp():
                self._end("caller_hung_up")
            case Dtmf(digits=digits):
                self._pressed(digits)
            case ToolResult():
                self._tool_answered(message)
            case Text(text=text):
                self._typed(text)

    def _tool_answered(self, result: ToolResult) -> None:
        try:
            self._context.client_tools.answered(result)
        except TransportError as fault:
            tell_error(self._context, fault, fatal=False)

    def on_bad_message(self, fault: TransportError) -> None:
        """See `TransportListener`."""
        tell_error(self._context, fault, fatal=False)

    def on_hold(self, held: bool) -> None:
        """See `TransportListener`."""
        self._limits.held = held
        if held:
            self._speaker.hold()

    def on_mark(self, name: str) -> None:
        """See `TransportListener`."""
        self._context.marks.back(name, self._context.clock.now())

    def on_line_measured(self, measured: LineMeasured) -> None:
        """See `TransportListener`. How late sound is played, the call knows by the marks."""
        marks = self._context.marks
        lag = marks.lag if marks.heard_back else None
        self._context.observers.on_line_measured(replace(measured, mark_lag=lag))

    def on_line_away(self) -> None:
        """See `TransportListener`. Until they are back the agent's sound and the caller's silence stand still."""
        self._context.line.stop()
        self._context.observers.on_event(Reconnecting(at=self._context.clock.at))

    def on_line_back(self, away: float, unheard: float) -> None:
        """See `TransportListener`."""
        context = self._context
        context.line.go()
        self._speaker.delayed(unheard)
        away_ms, unheard_ms = round(away * 1000, 1), round(unheard * 1000, 1)
        context.observers.on_event(Reconnected(at=context.clock.at, away_ms=away_ms, unheard_ms=unheard_ms))

    def _pressed(self, keys: str) -> None:
        """Keys answer a question that takes them, once they are a value. The agent is silent from the first one on.

        Asked for or not, a telephone's keys come one by one and are one turn; a program sends them all at once.
        """
        wanted = self._context.dialog.keys
        if wanted is None and self._context.facts.line in PROGRAMS:
            self._typed(f"[keys pressed: {keys}]")
            return
        self._speaker.key_pressed()
        self._keypad, value = self._keypad.press(keys, wanted.digits if wanted is not None else None)
        if value:
            self._key_timer.stop()
            self._keyed(value)
        elif self._keypad.pressed:
            self._key_timer.start(self._no_more_keys(SILENT if wanted is not None else UNASKED))

    async def _no_more_keys(self, after: float) -> None:
        await asyncio.sleep(after)
        value, self._keypad = self._keypad.pressed, Keypad()
        self._keyed(value)

    def _keyed(self, value: str) -> None:
        wanted = self._context.dialog.keys
        shown = "[keys pressed]" if wanted is not None and wanted.secret else f"[keys pressed: {value}]"
        if wanted is None:
            self._typed(shown)
            return
        self._limits.typed()
        self._context.inbox.post(TypedTurn(self._context.clock.at, value, keys=True, shown=shown))

    def _typed(self, text: str) -> None:
        self._limits.typed()
        self._context.inbox.post(TypedTurn(self._context.clock.at, text))


NOT_CALLED = (
    "client_tools: the language model of this call cannot call tools, so nothing is asked of them; choose one that "
    "can, such as qwen3:4b of Ollama, or declare them in the agent's file with client = true and tasks that use them"
)


async def tell_uncalled_tools(context: CallContext) -> None:
    """Tell a program that offers tools where the language model will not call them."""
    agent = context.agent
    offered = agent.tool_calls == "native" and any(tool.client for tool in agent.tools.values())
    if offered and not await context.model_calls_tools():
        tell_error(context, TransportError("tools_not_called", NOT_CALLED), fatal=False)


def tell_error(context: CallContext, fault: TransportError, *, fatal: bool) -> None:
    """Tell the caller's program, and whoever else hears of the call, what was wrong."""
    context.observers.on_event(Error(at=context.clock.at, code=fault.code, message=str(fault), fatal=fatal))


async def run_line(context: CallContext, hears: CallerInput) -> EndReason:
    """Run the call's transport to its end; a fault of the caller's program is told, and is the reason."""
    context.tasks.start(tell_uncalled_tools(context), "client tools")
    try:
        return await context.transport.run(hears)
    except TransportError as broken:
        tell_error(context, broken, fatal=True)
        return cast("EndReason", broken.code)  # a call that runs has had its first message


def why_ended(ours: "asyncio.Future[EndReason]", line: "asyncio.Task[EndReason]") -> EndReason:
    """Of two reasons that come at once: a fault of ours, raised; then what the line says; then our own."""
    first = ours.done() and (ours.exception() is not None or not line.done())
    return ours.result() if first else line.result()
