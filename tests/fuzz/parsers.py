"""Random input for everything that reads bytes from outside, with what each reader may answer.

    .venv/bin/python -m tests.fuzz.parsers [--examples 1000000] [--only frames,json]

The suite runs some hundred inputs each; the script as many as wished. A reader passes when it answers or raises what
it promises: any other error, a hang or a 5xx is a fault. What fails is kept by hypothesis and tried first next time.
"""

import argparse
import asyncio
import tempfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from unittest.mock import Mock

import msgspec
from aiohttp import StreamReader, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import make_mocked_request
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lineside.agents.agent import Agent, load_agent
from lineside.audio.wav import read_wav, wav_bytes
from lineside.engine_server.openai_schema import RequestRefused, upload
from lineside.engines.chat_stream import EventReader, read_event
from lineside.errors import ConfigError, TransportError
from lineside.gateway.agent_store import AgentFile
from lineside.protocol import read_client_message, read_hello
from lineside.transports.websocket_frames import FrameReader, framed
from lineside.transports.websocket_handshake import refusal, welcome

LARGEST = 70_000


def mutated(*seeds: bytes) -> st.SearchStrategy[bytes]:
    """Good inputs with pieces cut out, doubled, swapped for random bytes or nested without end; and random ones."""

    def apply(seed: bytes, changes: list[tuple[int, int, bytes, int]]) -> bytes:
        for place, size, new, times in changes:
            at = place % (len(seed) + 1)
            seed = seed[:at] + new * times + seed[at + size :]
        return seed

    change = st.tuples(
        st.integers(0, 10_000),
        st.integers(0, 40),
        st.one_of(
            st.binary(max_size=8), st.sampled_from([b"[", b"{", b'"', b"\\u0000", b"\r\n", b"\x00", b"\xff", b"9"])
        ),
        st.sampled_from([0, 1, 1, 1, 2, 50, 3000]),
    )
    return st.one_of(st.builds(apply, st.sampled_from(seeds), st.lists(change, max_size=6)), st.binary(max_size=300))


# ── one function a reader: it may return or raise what it promises ─────────────────────────────────────────────────


def frames(raw: bytes) -> None:
    """A stream of WebSocket frames, in two pieces."""
    reader = FrameReader(LARGEST)
    for piece in (raw[: len(raw) // 2], raw[len(raw) // 2 :]):
        step = reader.feed(piece)
        while step.more and step.fault is None:
            step = reader.feed(b"")
        if step.fault is not None:
            assert step.fault.status in (1002, 1007, 1009)
            return


def handshake(raw: bytes) -> None:
    """Headers of an upgrade, as aiohttp hands them over."""
    lines = raw.decode("utf-8", "surrogateescape").split("\r\n")
    headers = dict(line.partition(":")[::2] for line in lines)
    headers = {name.title(): value for name, value in headers.items()}
    if refusal(lines[0].partition(" ")[0], headers) is None:
        assert b"Sec-WebSocket-Accept: " in welcome(headers["Sec-Websocket-Key"])


def json_messages(raw: bytes) -> None:
    """What a caller's program says first, and later."""
    for read in (read_hello, read_client_message):
        for given_as in (raw, raw.decode("utf-8", "replace")):
            with suppress(TransportError):
                read(given_as)


def multipart(raw: bytes) -> None:
    """The form of a transcription."""

    async def read() -> None:
        stream = StreamReader(
            cast("BaseProtocol", Mock(_reading_paused=False)), 1 << 16, loop=asyncio.get_running_loop()
        )
        stream.feed_data(raw)
        stream.feed_eof()
        kind = {"Content-Type": "multipart/form-data; boundary=b"}
        request = make_mocked_request("POST", "/", headers=kind, payload=stream, client_max_size=1 << 20)
        try:
            form = await upload(request)
        except (RequestRefused, web.HTTPException):
            return
        assert all(isinstance(value, (str, bytes)) for value in form.values())

    with warnings.catch_warnings(action="ignore"):  # aiohttp warns of odd headers and goes on
        asyncio.run(read())


def events(raw: bytes) -> None:
    """The stream of a language model."""
    reader = EventReader()
    try:
        found = [*reader.feed(raw[: len(raw) // 2]), *reader.feed(raw[len(raw) // 2 :]), *reader.end()]
    except OverflowError:
        return
    for data in found:
        with suppress(ValueError):
            read_event(data)


def wav(raw: bytes) -> None:
    """A file of sound."""
    try:
        frame = read_wav(raw)
    except ConfigError:
        return
    assert len(frame.pcm) % 2 == 0
    assert len(frame.pcm) <= len(raw)


def agent_files(raw: bytes) -> None:
    """An agent in a file of an operator's, a change of it that was kept, and its earlier versions."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "agent.toml"
        file.write_bytes(raw)
        with suppress(ConfigError):
            load_agent(file)
        file.write_text('name = "Agent"\nprompt = "Be brief."\n')
        kept = AgentFile(file, Path(folder))
        kept.write(Agent(name="Agent", prompt="Be kind."))
        for change in (Path(folder) / "agents").glob("*.json"):
            change.write_bytes(raw)
        assert kept.read().prompt
        kept.versions()


HELLO = b'{"codec":"pcm","sample_rate":16000,"mode":"conversation","greeting":"Hello","caller":"me","record":true}'
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n'
    b"Content-Type: audio/wav\r\n\r\nRIFF\r\n--b--\r\n"
)
STREAM = b'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":null}]}\n\ndata: null\n: pulse\ndata: [DONE]\n\n'
UPGRADE = (
    b"GET /ws/call HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version:13\r\n"
    b"Sec-WebSocket-Key:dGhlIHNhbXBsZSBub25jZQ=="
)
AGENT = (
    b'name = "Desk"\nprompt = "Be brief."\nfacts = ["We open at nine."]\n'
    b'[[examples]]\nasks = "When?"\nsays = "At nine."\n'
)
MASKED = b"\x82\xfe\x02\x80mask" + bytes(640)

PARSERS: dict[str, tuple[Callable[[bytes], None], st.SearchStrategy[bytes]]] = {
    "frames": (
        frames,
        mutated(MASKED * 2, b"\x01\x81maska\x80\x81maskb", b"\x88\x82mask\x6e\x89", b"\x89\x80mask", framed(1, b"a")),
    ),
    "handshake": (handshake, mutated(UPGRADE)),
    "json": (
        json_messages,
        mutated(HELLO, b'{"type":"text","text":"hello"}', b'{"type":"dtmf","digits":"12#"}', b'{"type":"hangup"}'),
    ),
    "multipart": (multipart, mutated(FORM)),
    "sse": (events, mutated(STREAM)),
    "wav": (wav, mutated(wav_bytes(bytes(400), 16_000))),
    "agents": (
        agent_files,
        mutated(AGENT, msgspec.json.encode({"of": "x", "agent": {"name": "a", "prompt": "b"}})),
    ),
}


def tried(name: str, examples: int) -> None:
    """So many inputs for one reader. Raises what the reader must not."""
    parse, inputs = PARSERS[name]

    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    )
    @given(inputs)
    def holds(raw: bytes) -> None:
        parse(raw)

    holds()


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("--examples", type=int, default=1_000_000, help="inputs for each reader")
    told.add_argument("--only", default=",".join(PARSERS), help=f"some of {', '.join(PARSERS)}")
    wish = cast("SimpleNamespace", told.parse_args())
    for name in wish.only.split(","):
        tried(name.strip(), wish.examples)
        print(f"{name}: {wish.examples} inputs, no fault", flush=True)


if __name__ == "__main__":
    main()
