"""Genesys Cloud's AudioHook, jambonz and mod_audio_fork: what only they do. The rest is in `test_media_streams`."""

import asyncio

import pytest

from lineside.errors import TransportError
from lineside.transports.media_streams.stream import ConnectionTested, started
from tests.transports.carriers import StreamRig
from tests.transports.conformance import Listening
from tests.transports.contact_centres import Genesys, Jambonz
from tests.transports.test_media_streams import on_stream
from tests.transports.wires import server_frames
from tests.virtual_time import run


def test_genesys_is_answered_in_its_numbers() -> None:
    """opened before any sound, pong to ping, closed to close; what it reports of its own is passed over."""

    async def story(rig: StreamRig, listener: Listening) -> None:
        carrier = rig.carrier
        assert isinstance(carrier, Genesys)
        wanted = {"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}
        for kind in ("ping", "playback_started", "paused", "resumed", "discarded", "update"):
            rig.receive(carrier.message(kind, '{"start":"PT1S","discarded":"PT2S","language":"en-US","rtt":"PT0.05S"}'))
        await asyncio.sleep(0.1)
        await rig.leave()
        await asyncio.sleep(0.1)
        assert [it["type"] for it in rig.answers] == ["opened", "pong", "updated", "closed"]
        assert rig.answers[0]["parameters"] == {"startPaused": False, "media": [wanted]}
        assert [it["clientseq"] for it in rig.answers] == [1, 2, 7, 8]
        assert listener.faults == []

    on_stream(Genesys, story)


def test_genesys_says_why_it_refuses_what_was_sent() -> None:
    """Their errors are told once each; a Monitor's two channels are refused with the reason."""

    async def story(rig: StreamRig, listener: Listening) -> None:
        assert isinstance(rig.carrier, Genesys)
        rig.receive(rig.carrier.message("error", '{"code":429,"message":"Too many messages","retryAfter":"PT3S"}'))
        await asyncio.sleep(0.1)
        assert listener.faults == ["bad_message"]

    on_stream(Genesys, story)
    both = Genesys().opening()[0].replace('"channels":["external"]', '"channels":["internal"]')
    with pytest.raises(TransportError, match="Audio Connector"):
        Genesys().dialect().read(both)


def test_a_connection_that_genesys_only_tries_is_no_call() -> None:
    """The conversation of zeros: opened, closed, and nobody is greeted."""

    async def story() -> None:
        carrier = Genesys()
        carrier.conversation = "00000000-0000-0000-0000-000000000000"
        rig = StreamRig(carrier)
        opening = asyncio.create_task(started(rig.ws, rig._dialect))
        await asyncio.sleep(0.01)
        for message in [*carrier.opening(), carrier.message("ping"), carrier.stop()]:
            rig.receive(message)
        with pytest.raises(ConnectionTested):
            await opening
        kinds = [carrier.read(kind, payload)[1]["type"] for kind, payload in server_frames(rig.wire)]
        assert kinds == ["opened", "pong", "closed"]
        rig.wire.abort()
        await asyncio.sleep(0)

    run(story())


def test_a_stream_of_a_fork_that_cannot_be_used_is_named() -> None:
    """Two channels, or a rate that nobody speaks."""
    for first, why in (
        ('{"sampleRate":16000,"mixType":"stereo"}', "mono"),
        ('{"sampleRate":11025,"mixType":"mono"}', "8000 or 16000"),
    ):
        with pytest.raises(TransportError, match=why):
            Jambonz().dialect().read(first)
