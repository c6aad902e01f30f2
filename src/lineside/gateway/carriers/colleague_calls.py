"""Warm transfers at carriers whose calls are steered by documents: the colleague's call, and where it calls back.

The colleague is called like anybody; what they hear is a document of ours: the summary, in the agent's own voice, while
a key is waited for. A conference joins the two, as both carriers' documents say; it ends when either leaves.

    lineside ── place ────────────> carrier ── rings ──> colleague
             <── …/answered ───────         "one moment"
             ── change: the summary, 1 takes the call ──>
             <── …/key, Digits=1 ──
             ── change: colleague into the room, caller into the room
"""

import asyncio
from collections.abc import Callable
from typing import Protocol, runtime_checkable
from uuid import uuid4

import structlog

from lineside.audio import g711
from lineside.audio.wav import wav_bytes
from lineside.errors import EngineError
from lineside.gateway.carriers import twiml
from lineside.gateway.carriers.account import CarrierUnreachable, Webhook, WebhookAnswer
from lineside.gateway.carriers.placing import CallAddresses, CallProgress, CarrierRefused
from lineside.gateway.carriers.twiml_calls import TwimlCalls, TwimlControl
from lineside.protocol import Codec
from lineside.reasons import DialResult, TransferResult
from lineside.transports.dialer import CannotDial, DialOrder, DialOutcome
from lineside.transports.line_control import Ability, TransferTarget
from lineside.transports.media_streams.warm_stream import ColleagueLeg
from lineside.transports.warm_transfer import TAKES, ColleagueAnswered, ColleagueGone, ColleagueKey, WarmEvent

log = structlog.get_logger()

FETCHED = 1.0  # seconds for a carrier to fetch the summary, before it is heard
A_WORD = 0.45  # seconds, where the carrier's own voice says it
WATCHED = 30.0  # seconds after the two were joined in which a colleague who is gone ends the caller's call too
KEYS = "0123456789*#"
RESULTS: dict[DialResult, TransferResult] = {"busy": "busy", "rejected": "rejected", "invalid": "invalid"}


class ColleagueCalls:
    """The colleagues of one account who are being called."""

    def __init__(self, line: str, public_url: str) -> None:
        self._base = f"{public_url}/lines/{line}/colleague"
        self._legs: dict[str, DocumentColleague] = {}

    def add(self, leg: "DocumentColleague") -> str:
        """Answers the address below which the carrier calls back: it cannot be guessed."""
        name = uuid4().hex
        self._legs[name] = leg
        return f"{self._base}/{name}"

    def remove(self, leg: "DocumentColleague") -> None:
        """What is said of them from now on is dropped."""
        self._legs = {name: one for name, one in self._legs.items() if one is not leg}

    async def on_webhook(
        self, name: str, what: str, asked: Webhook, progress: Callable[[Webhook], CallProgress]
    ) -> WebhookAnswer:
        """A carrier asks what a colleague hears now, or says how their call stands. Who is not known is hung up on."""
        leg = self._legs.get(name)
        if leg is None:
            return twiml.hang_up()
        leg.call = leg.call or asked.given.get("CallSid", "")[:200]
        if what == "answered":
            return leg.answered()
        if what == "key":
            return leg.key(asked.given.get("Digits", ""))
        await leg.progressed(progress(asked))
        return twiml.hang_up()

    def summary(self, name: str) -> bytes | None:
        """The sound that a colleague is to hear, as a WAV; the carrier fetches it. None: there is none."""
        leg = self._legs.get(name)
        return leg.sound if leg is not None and leg.sound else None


@runtime_checkable
class ColleagueAccount(Protocol):
    """A carrier's account that can call colleagues."""

    colleagues: ColleagueCalls

    def progress(self, asked: Webhook) -> CallProgress:
        """What a webhook says of a call."""
        ...


class DocumentColleague:
    """See `ColleagueLeg`: one colleague."""

    def __init__(
        self,
        registry: ColleagueCalls,
        calls: TwimlCalls,
        caller: str,
        target: TransferTarget,
        sound_of: tuple[Codec, int],
        happened: Callable[[WarmEvent], None],
    ) -> None:
        """`caller` is the call that waits; `sound_of` is what `target.speak` gives: codec and rate."""
        self._registry, self._calls, self._caller, self._target = registry, calls, caller, target
        self._sound_of, self._happened = sound_of, happened
        self.call = ""  # what the carrier calls the colleague's
        self.sound = b""
        self._url, self._says = "", 0.0
        self._joined = False

    # ── what is done ───────────────────────────────────────────────────────────────────────────────────────────────

    async def dial(self) -> None:
        """See `ColleagueLeg`."""
        target = self._target
        self._url = self._registry.add(self)
        order = DialOrder(to=target.to, caller_id=target.caller_id, ring_seconds=target.ring_seconds)
        try:
            placed = await self._calls.place(order, CallAddresses(f"{self._url}/answered", f"{self._url}/progress"))
        except CarrierRefused as refused:
            self._happened(ColleagueGone(RESULTS.get(refused.outcome.result, "failed"), refused.outcome.detail))
        except CannotDial as why:
            self._happened(ColleagueGone("failed", str(why)))
        else:
            self.call = self.call or placed

    async def whisper(self) -> None:
        """See `ColleagueLeg`: by our own voice; by the carrier's where ours fails."""
        if not self._says:
            await self._speak()
        said = f"{self._url}/summary.wav" if self.sound else ""
        document = twiml.ask_key(f"{self._url}/key", sound_url=said, text=self._target.summary)
        await self._change(self.call, document)
        await asyncio.sleep(FETCHED + self._says)

    async def join(self) -> None:
        """See `ColleagueLeg`: the colleague first; then nobody waits in an empty room."""
        document = twiml.conference(self._url.rpartition("/")[2])
        await self._change(self.call, document)
        await self._change(self._caller, document)
        self._joined = True
        asyncio.get_running_loop().call_later(WATCHED, self._registry.remove, self)

    async def drop(self) -> None:
        """See `ColleagueLeg`."""
        self._registry.remove(self)
        if self.call:
            await self._calls.end(self.call)

    async def _speak(self) -> None:
        target, (codec, rate) = self._target, self._sound_of
        self._says = A_WORD * len(target.summary.split())
        if target.speak is None or not target.summary:
            return
        try:
            payload = await target.speak(target.summary)
        except EngineError as why:
            log.warning("the carrier's voice says the summary, ours fails", why=str(why))
            return
        pcm = payload if codec == "pcm" else g711.decode(payload, codec)
        self.sound, self._says = wav_bytes(pcm, rate), len(pcm) / 2 / rate

    async def _change(self, call: str, document: str) -> None:
        answer = await self._calls.change(call, document)
        if answer.status >= 300:
            raise CarrierUnreachable(f"the carrier refuses to change a call: HTTP {answer.status}")

    # ── what the carrier says ──────────────────────────────────────────────────────────────────────────────────────

    def answered(self) -> WebhookAnswer:
        """They, or a machine, picked up; what they hear is told when the summary is there."""
        self._happened(ColleagueAnswered())
        return twiml.one_moment()

    def key(self, digits: str) -> WebhookAnswer:
        """They pressed it."""
        pressed = digits[:1]
        if pressed in KEYS and pressed:
            self._happened(ColleagueKey(pressed))
        if pressed == TAKES:
            return twiml.one_moment()
        return twiml.as_answer(twiml.ask_key(f"{self._url}/key"))

    async def progressed(self, progress: CallProgress) -> None:
        """Their call stands so."""
        if progress.state != "over":
            return
        if self._joined:  # perhaps before the caller came into the room, where nobody would ever join them
            await self._end_caller()
            return
        outcome = progress.outcome or DialOutcome("no_answer")
        self._happened(ColleagueGone(RESULTS.get(outcome.result, "no_answer"), outcome.detail))

    async def _end_caller(self) -> None:
        self._registry.remove(self)
        try:
            await self._calls.end(self._caller)
        except CarrierUnreachable as why:
            log.warning("a carrier was not told to hang up", why=str(why))


class WarmTwimlControl(TwimlControl):
    """One call that can be handed on warm: see `CallsColleagues`."""

    abilities: frozenset[Ability] = frozenset({"transfer_cold", "transfer_warm"})

    def __init__(
        self, calls: TwimlCalls, call: str, action_url: str, colleagues: ColleagueCalls, caller_id: str
    ) -> None:
        """`caller_id`: a number of the account's, which the colleague sees."""
        super().__init__(calls, call, action_url)
        self._colleagues, self._caller_id = colleagues, caller_id

    def colleague(
        self, target: TransferTarget, codec: Codec, rate: int, happened: Callable[[WarmEvent], None]
    ) -> ColleagueLeg:
        """See `CallsColleagues`."""
        shown = TransferTarget(
            to=target.to,
            caller_id=target.caller_id or self._caller_id,
            ring_seconds=target.ring_seconds,
            summary=target.summary,
            speak=target.speak,
        )
        return DocumentColleague(self._colleagues, self._calls, self._call, shown, (codec, rate), happened)
