"""OpenAI's endpoints at the gateway: the stock client, every format, and what is asked wrongly."""

import asyncio
import base64
import io
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import numpy as np
import openai
import pytest
import soundfile

from lineside.audio.wav import wav_bytes
from lineside.engines.protocols import ToolCall
from lineside.engines.vendors.scripted import ScriptedLLM
from lineside.openai_api.sound_file import pcm_blocks
from lineside.openai_api.stretches import LONGEST, PAUSE, Cutter
from lineside.openai_api.upload import FILE_BYTES
from tests.gateway.test_app import ServedGateway, opened

RATE = 16_000
LOUD = (np.sin(np.arange(RATE) * 0.3) * 9000).astype("<i2").tobytes()  # a second of voice, to the loudness detector
QUIET = bytes(2 * RATE)


def recording(seconds: str) -> bytes:
    """A WAV: `x` is a second of voice, `.` of quiet."""
    return wav_bytes(b"".join(LOUD if each == "x" else QUIET for each in seconds), RATE)


@asynccontextmanager
async def clients(**given: Any) -> AsyncGenerator[tuple[ServedGateway, openai.AsyncOpenAI]]:
    """A gateway on scripted engines, and the stock client at it."""
    async with (
        opened(**given) as gateway,
        openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="secret", max_retries=0) as client,
    ):
        yield gateway, client


def heard(shape: Any, seconds: str = ".x.x.", **more: Any) -> Any:
    """What the stock client gets for a recording."""

    async def main() -> Any:
        async with clients() as (_, client):
            return await client.audio.transcriptions.create(
                model="whisper-1", file=("a.wav", recording(seconds)), response_format=shape, **more
            )

    return asyncio.run(main())


# ── recordings to words ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_recording_is_written_down_stretch_by_stretch_with_its_times() -> None:
    """Quiet is left out, and every stretch says where it was."""
    verbose = heard("verbose_json")
    assert verbose.duration == 5.0
    assert verbose.task == "transcribe"
    first, second = verbose.segments
    assert 0.5 < first.start < 1.0
    assert 2.0 < first.end < 2.5
    assert 2.5 < second.start < 3.0
    assert 4.0 < second.end < 4.5
    assert verbose.text == f"{first.text} {second.text}"
    assert first.text


def test_every_format_has_its_own_shape() -> None:
    """JSON with usage, plain text, SubRip with a comma, WebVTT with a point."""
    whole = heard("json")
    assert whole.usage.seconds == 5.0
    assert heard("text") == f"{whole.text}\n"
    srt = heard("srt").splitlines()
    assert srt[0] == "1"
    assert " --> " in srt[1]
    assert "," in srt[1]
    assert srt[4] == "2"
    vtt = heard("vtt").splitlines()
    assert vtt[0] == "WEBVTT"
    assert " --> " in vtt[2]
    assert "." in vtt[2]


def test_words_are_streamed_as_they_are_heard() -> None:
    """Deltas that together are the whole, and the whole at the end."""

    async def main() -> None:
        async with clients() as (_, client):
            stream = await client.audio.transcriptions.create(
                model="gpt-4o-transcribe", file=("a.wav", recording(".x.x.")), stream=True
            )
            found = [event async for event in stream]
            deltas = [event.delta for event in found if event.type == "transcript.text.delta"]
            assert found[-1].type == "transcript.text.done"
            assert len(deltas) == 2
            assert "".join(deltas) == found[-1].text

    asyncio.run(main())


def test_nobody_who_speaks_is_no_text() -> None:
    """A recording of quiet is an answer, not an error."""
    assert heard("json", "...").text == ""
    assert heard("srt", "...") == ""


@pytest.mark.parametrize(
    ("kind", "rate", "channels"), [("WAV", 8000, 1), ("FLAC", 44_100, 2), ("OGG", 48_000, 1), ("MP3", 22_050, 2)]
)
def test_files_of_all_usual_kinds_are_read(kind: str, rate: int, channels: int) -> None:
    """Whatever the rate and the channels, it is the sound at 16 kHz."""
    file = io.BytesIO()
    tone = np.sin(np.arange(rate) * 2 * np.pi * 440 / rate) * 0.4
    soundfile.write(file, np.stack([tone] * channels, axis=1), rate, format=kind)
    file.seek(0)
    pcm = np.frombuffer(b"".join(pcm_blocks(file)), "<i2").astype(float)
    assert abs(len(pcm) - RATE) < 0.1 * RATE
    spectrum = np.abs(np.fft.rfft(pcm[2000:14_000]))
    assert abs(np.argmax(spectrum) * RATE / 12_000 - 440) < 5


@pytest.mark.parametrize(("container", "coding"), [("mp4", "aac"), ("webm", "libopus")])
def test_what_browsers_and_telephones_record_is_read_with_the_extra(container: str, coding: str) -> None:
    """M4A and WebM."""
    av = pytest.importorskip("av", reason="the extra `media` is not installed")
    file = io.BytesIO()
    with av.open(file, "w", format=container) as written:
        stream = written.add_stream(coding, rate=48_000)
        stream.layout = "mono"
        tone = (np.sin(np.arange(48_000) * 2 * np.pi * 440 / 48_000) * 9000).astype("<i2")
        for begin in range(0, 48_000, 960):
            frame = av.AudioFrame.from_ndarray(tone[None, begin : begin + 960], format="s16", layout="mono")
            frame.sample_rate, frame.pts = 48_000, begin
            for packet in stream.encode(frame):
                written.mux(packet)
        for packet in stream.encode(None):
            written.mux(packet)
    file.seek(0)
    pcm = np.frombuffer(b"".join(pcm_blocks(file)), "<i2").astype(float)
    assert abs(np.argmax(np.abs(np.fft.rfft(pcm[2000:14_000]))) * RATE / 12_000 - 440) < 5


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("response_format", "docx", "one of json, text, srt"),
        ("timestamp_granularities[]", "word", "time of a word"),
        ("stream", "maybe", "true or false"),
    ],
)
def test_a_wrong_field_is_named(field: str, value: str, says: str) -> None:
    """In OpenAI's error shape, with what is allowed."""

    async def main() -> None:
        async with opened() as gateway:
            form = aiohttp.FormData({field: value})
            form.add_field("file", recording("x"), filename="a.wav")
            async with gateway.http.post(f"{gateway.url}/v1/audio/transcriptions", data=form) as answer:
                error = (await answer.json())["error"]
                assert answer.status == 400
                assert error["param"] == field.removesuffix("[]")
                assert says in error["message"]

    asyncio.run(main())


@pytest.mark.parametrize("raw", [b"", b"RIFF", b"<html>", bytes(5000), recording("x")[:44]])
def test_a_file_that_is_no_sound_is_refused_by_name(raw: bytes) -> None:
    """Whatever is in it, it is the caller's mistake and says so."""

    async def main() -> None:
        async with clients() as (_, client):
            with pytest.raises(openai.BadRequestError) as refused:
                await client.audio.transcriptions.create(model="whisper-1", file=("a.wav", raw))
            assert refused.value.param == "file"

    asyncio.run(main())


def test_a_form_without_a_file_or_that_is_none_is_refused() -> None:
    """With what to send."""

    async def main() -> None:
        async with opened() as gateway:
            url = f"{gateway.url}/v1/audio/transcriptions"
            broken = {"Content-Type": "multipart/form-data; boundary=x"}
            for how in ({"data": b"{}"}, {"data": b"--y\r\n\r\n", "headers": broken}, {"data": {"model": "whisper-1"}}):
                async with gateway.http.post(url, **how) as answer:
                    error = (await answer.json())["error"]
                    assert (answer.status, error["param"]) == (400, "file"), error

    asyncio.run(main())


def test_a_file_that_is_too_large_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """413, before it is read to its end."""
    assert FILE_BYTES >= 230 << 20  # two hours of sound
    monkeypatch.setattr("lineside.openai_api.upload.FILE_BYTES", 1000)

    async def main() -> None:
        async with opened() as gateway:
            form = aiohttp.FormData()
            form.add_field("file", bytes(2000), filename="a.wav")
            async with gateway.http.post(f"{gateway.url}/v1/audio/transcriptions", data=form) as answer:
                assert answer.status == 413

    asyncio.run(main())


# ── where a recording is cut ───────────────────────────────────────────────────────────────────────────────────────


def test_nobody_is_cut_off_and_nothing_is_heard_twice() -> None:
    """All voiced sound is in exactly one stretch, and none is longer than a recogniser hears."""
    rng = np.random.default_rng(1)
    for _ in range(20):
        windows = rng.integers(0, 2, 600).repeat(rng.integers(1, 40)) if rng.random() < 0.5 else np.ones(3000, int)
        judged = iter(windows)
        cutter = Cutter(lambda some, judged=judged: [float(next(judged, 0)) for _ in some])  # type: ignore[misc]
        pcm = np.arange(len(windows) * 512, dtype="<i4").astype("<i2").tobytes()
        found = []
        for begin in range(0, len(pcm), 7777):
            found += list(cutter.feed(pcm[begin : begin + 7777]))
        found += list(cutter.end())
        covered = np.zeros(len(windows) + 1, int)
        for stretch in found:
            first = round(stretch.began / 0.032)
            assert stretch.seconds <= LONGEST + PAUSE
            assert stretch.pcm[:1024] == pcm[first * 1024 : first * 1024 + 1024][: len(stretch.pcm)]
            covered[first : first + round(stretch.seconds / 0.032)] += 1
        assert covered.max(initial=0) <= 1
        assert (covered[: len(windows)][windows > 0] == 1).all()


# ── words to sound ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("shape", ["mp3", "opus", "flac", "wav", "pcm", "aac"])
def test_speech_comes_in_every_format(shape: Any) -> None:
    """As a file that other programs read, of the length that the voice spoke."""
    if shape == "aac":
        pytest.importorskip("av", reason="the extra `media` is not installed")

    async def main() -> bytes:
        async with clients() as (_, client):
            spoken = await client.audio.speech.create(
                model="tts-1", voice="alloy", input="One sentence. And another one.", response_format=shape
            )
            return spoken.content

    content = asyncio.run(main())
    if shape == "pcm":
        seconds = len(content) / 2 / 24_000
    elif shape == "aac":
        seconds = sum(len(pcm) for pcm in pcm_blocks(io.BytesIO(content))) / 2 / RATE
    else:
        samples, rate = soundfile.read(io.BytesIO(content))
        seconds = len(samples) / rate
    assert 0.5 < seconds < 10.0


def test_speech_is_streamed_as_events() -> None:
    """Sound in base64, and how much it was."""

    async def main() -> None:
        async with opened() as gateway:
            body = {"model": "tts-1", "voice": {"id": "alloy"}, "input": "Hello there.", "response_format": "pcm"}
            async with gateway.http.post(
                f"{gateway.url}/v1/audio/speech", json=body | {"stream_format": "sse"}
            ) as answer:
                events = [json.loads(line[6:]) for line in (await answer.text()).splitlines() if line]
        assert events[-1]["type"] == "speech.audio.done"
        assert events[-1]["usage"]["output_tokens"] > 0
        sound = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
        assert len(sound) > 5000

    asyncio.run(main())


@pytest.mark.parametrize(
    ("field", "value"),
    [("input", ""), ("input", "x" * 4097), ("input", "…"), ("response_format", "midi"), ("speed", 9), ("speed", 2.0)],
)
def test_a_wrong_wish_for_speech_is_named(field: str, value: object) -> None:
    """Nothing is spoken instead."""

    async def main() -> None:
        async with opened() as gateway:
            body = {"model": "tts-1", "voice": "alloy", "input": "Hello.", field: value}
            async with gateway.http.post(f"{gateway.url}/v1/audio/speech", json=body) as answer:
                assert (answer.status, (await answer.json())["error"]["param"]) == (400, field)

    asyncio.run(main())


# ── conversations and models ───────────────────────────────────────────────────────────────────────────────────────


def test_a_conversation_is_answered_whole_and_streamed() -> None:
    """The same words both ways, with their usage."""

    async def main() -> None:
        async with clients() as (_, client):
            messages: Any = [{"role": "developer", "content": "Be short."}, {"role": "user", "content": "Hello"}]
            whole = await client.chat.completions.create(model="gpt-5", messages=messages)
            assert whole.choices[0].finish_reason == "stop"
            assert whole.usage is not None
            stream = await client.chat.completions.create(
                model="gpt-5", messages=messages, stream=True, stream_options={"include_usage": True}
            )
            chunks = [chunk async for chunk in stream]
            said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
            assert said == whole.choices[0].message.content
            assert chunks[-1].usage == whole.usage

    asyncio.run(main())


def test_a_model_that_calls_tools_is_given_them_and_its_call_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the arguments as they came, and the result read back in the next request."""
    asked: list[Any] = []

    async def calls_tools(self: ScriptedLLM, choice: str) -> bool:
        return True

    async def reply(self: ScriptedLLM, messages: Any, ask: Any) -> AsyncGenerator[ToolCall]:
        asked.append((messages, ask))
        yield ToolCall("call_1", "weather", '{"city":"Oslo"}')

    monkeypatch.setattr(ScriptedLLM, "calls_tools", calls_tools, raising=False)
    monkeypatch.setattr(ScriptedLLM, "reply", reply)
    tool: Any = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}

    async def main() -> None:
        async with clients() as (_, client):
            first: Any = [{"role": "user", "content": "Weather in Oslo?"}]
            whole = await client.chat.completions.create(model="x", messages=first, tools=[tool])
            message = whole.choices[0].message
            assert whole.choices[0].finish_reason == "tool_calls"
            assert message.tool_calls is not None
            result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "Rain."}
            later = [*first, message.model_dump(exclude_none=True), result]
            await client.chat.completions.create(model="x", messages=later, tools=[tool])

    asyncio.run(main())
    messages, ask = asked[-1]
    assert [tool.name for tool in ask.tools] == ["weather"]
    assert messages[1].calls[0].arguments == '{"city":"Oslo"}'
    assert (messages[2].role, messages[2].answers, messages[2].tool) == ("tool", "call_1", "weather")


def test_models_are_listed_and_any_other_name_means_the_default() -> None:
    """A name of ours has an entry; one that is not known has none, as a client expects."""

    async def main() -> None:
        async with clients() as (_, client):
            names = [model.id async for model in client.models.list()]
            assert "scripted" in names
            assert (await client.models.retrieve("scripted")).owned_by.startswith("lineside")
            with pytest.raises(openai.NotFoundError) as unknown:
                await client.models.retrieve("org/gpt-7")
            assert unknown.value.code == "model_not_found"

    asyncio.run(main())


# ── who may ask, and how often ─────────────────────────────────────────────────────────────────────────────────────


def test_a_key_is_needed_where_keys_are_set_and_errors_have_the_shape_that_clients_read() -> None:
    """401, 404 and 429 as the stock client knows them."""

    async def main() -> None:
        async with clients(api_keys=("right",)) as (_, client):
            with pytest.raises(openai.AuthenticationError) as refused:
                await client.models.list()
            assert refused.value.code == "invalid_api_key"
            assert [model async for model in client.with_options(api_key="right").models.list()]
        async with clients() as (gateway, _):
            async with gateway.http.get(f"{gateway.url}/v1/nothing") as answer:
                assert (answer.status, (await answer.json())["error"]["type"]) == (404, "invalid_request_error")
            form = aiohttp.FormData({"model": "whisper-1"})
            async with gateway.http.post(f"{gateway.url}/v1/audio/translations", data=form) as answer:
                assert (answer.status, "translates" in await answer.text()) == (400, True)

    asyncio.run(main())


def test_more_than_so_many_at_once_are_asked_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """429 with Retry-After; a client that goes away frees its place."""
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def never(self: ScriptedLLM, messages: Any, ask: Any) -> AsyncGenerator[Any]:
        begun.set()
        try:
            await asyncio.sleep(1000)
        finally:
            cancelled.set()
        yield

    monkeypatch.setattr(ScriptedLLM, "reply", never)
    monkeypatch.setattr("lineside.openai_api.routes.AT_ONCE", 1)
    monkeypatch.setattr("lineside.openai_api.routes.LOOK_EVERY", 0.01)

    async def main() -> None:
        async with clients() as (gateway, client):
            messages: Any = [{"role": "user", "content": "Hello"}]
            first = asyncio.create_task(client.chat.completions.create(model="x", messages=messages))
            await begun.wait()
            body = {"messages": messages}
            async with gateway.http.post(f"{gateway.url}/v1/chat/completions", json=body) as answer:
                assert answer.status == 429
                assert answer.headers["Retry-After"]
            first.cancel()
            await asyncio.wait([first])
            async with asyncio.timeout(60):
                await cancelled.wait()

    asyncio.run(main())


@pytest.mark.models
def test_what_is_spoken_here_is_understood_here(stack: Any) -> None:
    """Real models, both ways, by the stock client alone."""
    meant = "The technician comes on Tuesday at nine."

    async def main() -> str:
        async with openai.AsyncOpenAI(base_url=f"{stack.url}/v1", api_key="none", timeout=120) as client:
            spoken = await client.audio.speech.create(model="tts-1", voice="alloy", input=meant, response_format="mp3")
            said = await client.audio.transcriptions.create(model="whisper-1", file=("a.mp3", spoken.content))
            return said.text

    heard = asyncio.run(main()).lower()
    assert "technician" in heard
    assert "tuesday" in heard
