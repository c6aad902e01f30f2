"""What a program that leads a call orders, carried out on the parts of the call (`program.ProgramOrders`)."""

from msgspec.structs import replace

from lineside.audio.frame import Utterance
from lineside.call.call_context import CallContext
from lineside.call.end_of_turn import EndOfTurn
from lineside.call.program import CallProgram
from lineside.call.speaker import Speaker
from lineside.turns.floor import Floor
from lineside.turns.floor_events import ResponseWanted, SoundCleared, SoundCommitted


class CallOrders:
    """The orders of one call's program."""

    def __init__(
        self, program: CallProgram, context: CallContext, floor: Floor, end_of_turn: EndOfTurn, speaker: Speaker
    ) -> None:
        self._program, self._context, self._floor = program, context, floor
        self._end_of_turn, self._speaker = end_of_turn, speaker
        if program.leads:
            self.rules_changed()
        program.attach(self)

    def rules_changed(self) -> None:
        """See `ProgramOrders`."""
        if not self._program.leads:
            return
        rules = self._program.rules
        self._floor.rules = replace(
            self._floor.rules, timeout=rules.silence, answers=rules.answers, protected=not rules.interruptible
        )
        self._context.segmenter.longest_silence(rules.silence)
        self._end_of_turn.set_profile(rules.profile)

    def respond(self, number: int) -> None:
        """See `ProgramOrders`."""
        self._context.inbox.post(ResponseWanted(self._context.clock.at, number))

    def cancel(self) -> None:
        """See `ProgramOrders`."""
        self._speaker.hold()

    def commit(self, said: Utterance | None = None) -> None:
        """See `ProgramOrders`."""
        self._context.inbox.post(SoundCommitted(self._context.clock.at, said))

    def clear(self) -> None:
        """See `ProgramOrders`."""
        self._context.inbox.post(SoundCleared(self._context.clock.at))
