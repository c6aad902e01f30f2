"""The control face of a call over ARI: answer, keys, music, into the PBX's queue, or warm to a colleague."""

import asyncio
import re
from typing import Literal

from lineside.ari.messages import AriMessage, unanswered
from lineside.errors import LinesideError
from lineside.gateway.asterisk.ari_legs import GONE, AriLegs
from lineside.gateway.asterisk.ari_transport import AriTransport
from lineside.gateway.dialplan_control import DONE
from lineside.protocol import EndReason
from lineside.reasons import TransferResult
from lineside.transports.line_control import Ability, CannotDo, OnlyHangsUp, TransferOutcome, TransferTarget
from lineside.transports.media_streams.stream import MediaStream
from lineside.transports.warm_transfer import ColleagueAnswered, ColleagueGone, ColleagueKey, WarmRules
from lineside.transports.warm_transfer_run import WarmTransferRun

EXTENSION = re.compile(r"[0-9A-Za-z+*#_.-]{1,80}")  # what may stand in a dialplan's name or in a dial string
DIGITS = re.compile(r"[0-9A-Da-d*#wW]{1,64}")
TONE, BETWEEN, PAUSE = 120, 100, 0.5  # of keys pressed by us: ms, ms, and seconds of a "w"
JOIN_CONTEXT = "lineside-join"  # of the dialplan: see examples/asterisk/extensions.conf
LEAVES_WITHIN = 2.0  # seconds for the caller to have left our application
RESULTS: dict[str, TransferResult] = {
    "busy": "busy",
    "no_answer": "no_answer",
    "rejected": "rejected",
    "invalid": "invalid",
    "cancelled": "no_answer",
}


class AriControl(OnlyHangsUp):
    """One call; a warm transfer is done by the rules of `warm_transfer`, as its `WarmLine`."""

    def __init__(self, legs: AriLegs, transport: AriTransport, stream: MediaStream, *, joins: bool) -> None:
        """`joins`: the dialplan has `JOIN_CONTEXT`, which a warm transfer needs."""
        abilities: set[Ability] = {"answer", "transfer_cold", "send_digits", "hold"}
        self.abilities = frozenset(abilities | {"transfer_warm"} if joins and not legs.outbound else abilities)
        self._legs, self._ari, self._transport, self._stream = legs, legs.ari, transport, stream
        self._target = TransferTarget("")
        self._whisper: bytes | None = None
        self._colleague_name = ""
        self._over = False

    async def answer(self) -> None:
        """See `LineControl`. Raises `LinesideError`."""
        if not self._legs.outbound:
            await self._ari.ask("POST", "channels", self._legs.caller, "answer")

    async def hang_up(self, reason: EndReason) -> None:
        """See `LineControl`. Ended for most reasons of ours, the caller goes on in the dialplan: to the queue."""
        if self._over:
            return
        self._over = True
        await self._legs.end_caller(hang_up=reason in DONE)
        await self._stream.hang_up(reason)
        await self._legs.clear()

    async def send_digits(self, digits: str) -> None:
        """See `LineControl`: to the caller's side, until the last tone is over."""
        if not DIGITS.fullmatch(digits):
            raise CannotDo("only 0-9, A-D, *, # and w can be pressed, 64 at most")
        keys = {"dtmf": digits, "between": str(BETWEEN), "duration": str(TONE)}
        await self._ari.ask("POST", "channels", self._legs.caller, "dtmf", **keys)
        pauses = sum(key in "wW" for key in digits)
        await asyncio.sleep(pauses * PAUSE + (len(digits) - pauses) * (TONE + BETWEEN) / 1000)

    async def hold(self, on: bool) -> None:
        """See `LineControl`."""
        await (self.hold_caller() if on else self.return_caller())

    async def transfer(self, target: TransferTarget, how: Literal["cold", "warm"] = "cold") -> TransferOutcome:
        """See `LineControl`: cold into the dialplan's ARI_CONTEXT, where the queue and the telephones are."""
        if not EXTENSION.fullmatch(target.to):
            return TransferOutcome("invalid", "over Asterisk a target is an extension or a number, not an address")
        if how == "warm":
            return await self._warm(target)
        context = self._legs.names.context
        try:
            if not await self._ari.has_extension(self._legs.caller, context, target.to):
                return TransferOutcome("invalid", f"the dialplan has no {target.to} in {context}")
            await self._leave(context, target.to)
        except LinesideError as why:
            return TransferOutcome("failed", str(why))
        return TransferOutcome("transferred")

    async def _leave(self, context: str, extension: str) -> None:
        self._transport.transferred = True
        try:
            await self._legs.hand_on(context, extension)
        except BaseException:
            self._transport.transferred = False
            raise
        await asyncio.wait([self._legs.caller_gone], timeout=LEAVES_WITHIN)

    # ── a warm transfer: see `WarmLine` ────────────────────────────────────────────────────────────────────────────

    async def _warm(self, target: TransferTarget) -> TransferOutcome:
        if "transfer_warm" not in self.abilities:
            raise CannotDo(f"a warm transfer needs the context {JOIN_CONTEXT} in the dialplan")
        self._target, self._whisper = target, None
        run = WarmTransferRun(self, WarmRules(ring=target.ring_seconds))
        self._legs.on_colleague = lambda event: self._happened(run, event)
        try:
            return await run.run()
        finally:
            self._legs.on_colleague = lambda event: None

    def _happened(self, run: WarmTransferRun, event: AriMessage) -> None:
        if event.type == "StasisStart":
            self._colleague_name = event.channel.name if event.channel is not None else ""
            run.happened(ColleagueAnswered())
        elif event.type == "ChannelDtmfReceived":
            run.happened(ColleagueKey(event.digit))
        elif event.type in GONE:
            result = RESULTS.get(unanswered(event.cause), "no_answer")
            run.happened(ColleagueGone(result, f"cause {event.cause}" if event.cause else ""))

    async def hold_caller(self) -> None:
        """See `WarmLine`: the music of the bridge, with our sound out of it."""
        self._transport.step_aside(on=True)
        await self._ari.out_of_bridge(self._legs.bridge, self._legs.media)
        await self._ari.ask("POST", "bridges", self._legs.bridge, "moh")

    async def return_caller(self) -> None:
        """See `WarmLine`."""
        legs = self._legs
        await self._ari.out_of_bridge(legs.aside, legs.media)
        await self._ari.delete("bridges", legs.bridge, "moh")
        await self._ari.into_bridge(legs.bridge, legs.media)
        self._transport.step_aside(on=False)

    async def dial_colleague(self) -> None:
        """See `WarmLine`."""
        legs, target = self._legs, self._target
        headers = {f"PJSIP_HEADER(add,{name})": value for name, value in target.headers.items()}
        order = {
            "endpoint": legs.names.dial.replace("{to}", target.to),
            "app": legs.names.app,
            "timeout": str(round(target.ring_seconds) + 5),
        }
        if target.caller_id:
            order["callerId"] = target.caller_id
        await self._ari.ask("POST", "channels", legs.colleague, body={"variables": headers}, **order)

    async def whisper(self) -> None:
        """See `WarmLine`: by our own voice, in a bridge with the colleague alone."""
        legs, target = self._legs, self._target
        if self._whisper is None:
            await self._ari.new_bridge(legs.aside)
            await self._ari.into_bridge(legs.aside, legs.colleague, legs.media)
            self._whisper = await target.speak(target.summary) if target.speak is not None and target.summary else b""
        await self._transport.whisper(self._whisper)

    async def join(self) -> None:
        """See `WarmLine`: the dialplan joins the two, and has them from then on, whatever becomes of lineside."""
        legs = self._legs
        await self._ari.set_variable(legs.caller, "LINESIDE_COLLEAGUE", self._colleague_name)
        await self._ari.out_of_bridge(legs.aside, legs.media)
        await self._ari.delete("bridges", legs.bridge, "moh")
        legs.joined = True
        try:
            await self._leave(JOIN_CONTEXT, "s")
        except BaseException:
            legs.joined = False
            raise

    async def drop_colleague(self) -> None:
        """See `WarmLine`."""
        legs = self._legs
        await self._ari.delete("channels", legs.colleague, reason="normal")
        await self._ari.out_of_bridge(legs.aside, legs.media)
        await self._ari.delete("bridges", legs.aside)
