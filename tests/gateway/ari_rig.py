"""A call over Asterisk's REST interface with both far ends in our hands: `FakeAsterisk`, and its media socket."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import cast

import aiohttp

from lineside.errors import CallRefused
from lineside.gateway.asterisk.ari_line import AriLine
from lineside.gateway.call_handle import CallHandle
from lineside.gateway.line_host import LineHost
from lineside.protocol import EndReason
from lineside.transports.base import AudioMeter
from lineside.transports.line_control import CallLeg, OfferedCall
from tests.call.fixtures import settings
from tests.gateway.fake_ari import FakeAsterisk, FakeChannel
from tests.transports.carriers import Asterisk, StreamRig


class Host:
    """The gateway: hands the call to the test, which holds it until `let_go`."""

    def __init__(self) -> None:
        self.full, self.closing = False, False
        self.slots = 0
        self.offered: asyncio.Future[OfferedCall] = asyncio.get_running_loop().create_future()
        self.let_go = asyncio.Event()

    @contextmanager
    def slot(self, holder: str = "") -> Iterator[CallHandle]:
        if self.full:
            raise CallRefused("all 1 call slots are in use (MAX_CONCURRENT_CALLS)")
        self.slots += 1
        try:
            yield CallHandle("1")
        finally:
            self.slots -= 1

    async def run(self, handle: CallHandle, offered: OfferedCall) -> EndReason:
        self.offered.set_result(offered)
        await self.let_go.wait()
        return "caller_hung_up"


class AriRig(StreamRig):
    """One call, from `Stasis()` to its end."""

    def __init__(self) -> None:
        super().__init__(Asterisk())
        self.asterisk, self.host = FakeAsterisk(), Host()
        self.line = AriLine(
            settings(ari_password="p"),  # noqa: S106
            cast(LineHost, self.host),
            cast(aiohttp.ClientSession, None),
        )
        self.asterisk.open_media = self._open_media
        self.channel: FakeChannel
        self.tasks: asyncio.TaskGroup
        self.offered: OfferedCall

    def _open_media(self, ticket: str) -> None:
        legs = self.line.expects(ticket)
        assert legs is not None, "a ticket that lineside gave"
        assert self.line.expects(ticket) is None, "and only once"
        self.tasks.create_task(self._serve(legs), name="media door")
        for message in self.carrier.opening():
            self.receive(message)

    async def _serve(self, legs: object) -> None:
        from lineside.gateway.asterisk.ari_legs import AriLegs

        await self.line.hold_socket(cast(AriLegs, legs), self.ws)
        self.ws.abort()

    async def open(self) -> None:
        self.asterisk.connect(self.line.ari)
        self.channel = self.asterisk.calls()
        async with asyncio.timeout(30):
            self.offered = await self.host.offered
        self.leg: CallLeg = self.offered.connect(AudioMeter())

    def _stop(self) -> None:
        """Asterisk was told HANGUP on the media socket: its channel is gone, and the socket with it."""
        super()._stop()
        media = self.asterisk.named(".media")
        if media is not None:
            self.asterisk.hangs_up(media.id)

    async def leave(self) -> None:
        self.asterisk.hangs_up(self.channel.id)

    @property
    def ended(self) -> bool:
        return bool(self.wire.closed) and (self.channel.id not in self.asterisk.channels or bool(self.channel.went_on))


@asynccontextmanager
async def ari() -> AsyncGenerator[AriRig, None]:
    """A call that is up."""
    rig = AriRig()
    async with asyncio.TaskGroup() as rig.tasks, rig.line.opened():
        watching = rig.tasks.create_task(rig.watch(), name="media socket")
        try:
            await rig.open()
            yield rig
        finally:
            rig.host.let_go.set()
            await asyncio.sleep(3.0)
            watching.cancel()
            rig.ws.abort()
    assert rig.asterisk.ours == [], "nothing of ours is left in Asterisk"
    assert rig.host.slots == 0
