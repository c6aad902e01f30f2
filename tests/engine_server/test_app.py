"""The engine server's routes, over a real socket, with models that need no files."""

import asyncio
import io
import json
import wave
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from lineside.engine_server import model_pool
from lineside.engine_server.openai_schema import AUDIO_BYTES, JSON_BYTES, samples
from tests.engine_server.fixtures import SECRET, chat, engine_server, form, run, wav

# Hearing


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (8_000, 1), (22_050, 1), (48_000, 2)])
def test_a_wav_of_any_rate_is_heard_whole(rate: int, channels: int) -> None:
    """Two seconds are two seconds to the recogniser, whatever rate they came at."""

    async def main() -> None:
        async with engine_server() as it:
            status, said = await it.post("/v1/audio/transcriptions", form(wav(2.0, rate, channels)))
            assert (status, said) == (200, {"text": "2.0 seconds"})

    run(main())


def test_every_shape_of_transcript() -> None:
    """`text` is bare, `verbose_json` carries what the gates want to know of each segment."""

    async def main() -> None:
        async with engine_server() as it:
            file = wav(1.5)
            told = form(file, response_format="text", model="whisper", prompt="Mm-hmm.")
            _, text = await it.post("/v1/audio/transcriptions", told)
            assert it.stt.prompts == ["Mm-hmm."]
            assert text == b"1.5 seconds\n"
            _, verbose = await it.post("/v1/audio/transcriptions", form(file, response_format="verbose_json"))
            assert (verbose["text"], verbose["language"], verbose["duration"]) == ("1.5 seconds", "en", 1.5)
            [segment] = verbose["segments"]
            assert segment == {
                "id": 0,
                "start": 0.0,
                "end": 1.5,
                "text": "1.5 seconds",
                "avg_logprob": -0.25,
                "no_speech_prob": 0.01,
                "compression_ratio": 1.1,
            }

    run(main())


@pytest.mark.parametrize(
    ("body", "status", "param", "hint"),
    [
        (form(), 400, "file", "file"),
        (form(model="whisper"), 400, "file", "file"),
        (b"not a form", 400, "file", "file"),
        (form(b"RIFF not a wav"), 400, "file", "PCM WAV"),
        (form(b""), 400, "file", "PCM WAV"),
        (form(wav(width=1)), 400, "file", "8-bit"),
        (form(wav(301, 8000)), 400, "file", "301 s"),
        (form(wav(), response_format="srt"), 400, "response_format", "verbose_json"),
        (form(wav(), language="klingon"), 400, "language", "language"),
        (form(wav(), model="whisper-1"), 404, "model", "'whisper'"),
    ],
)
def test_a_wrong_upload_is_refused_by_field(body: Any, status: int, param: str, hint: str) -> None:
    """The answer has OpenAI's error shape and names what is wrong."""

    async def main() -> None:
        async with engine_server() as it:
            got, said = await it.post("/v1/audio/transcriptions", body)
            assert (got, said["error"]["param"]) == (status, param)
            assert hint in said["error"]["message"]
            assert said["error"]["type"] == "invalid_request_error"

    run(main())


def test_an_upload_that_is_too_large_is_refused() -> None:
    """413, and not kept in memory first."""

    async def main() -> None:
        async with engine_server() as it:
            status, said = await it.post("/v1/audio/transcriptions", form(bytes(AUDIO_BYTES + 1)))
            assert status == 413
            assert said["error"]["type"] == "invalid_request_error"

    run(main())


def test_a_full_room_sends_the_next_one_away() -> None:
    """With so many waiting the next is told to come back; the others are all served."""

    async def main() -> None:
        async with engine_server() as it:
            it.stt.gate.clear()
            async with asyncio.TaskGroup() as tasks:
                inside = [
                    tasks.create_task(it.post("/v1/audio/transcriptions", form(wav(0.1))))
                    for _ in range(model_pool.MAX_REQUESTS["stt"])
                ]
                await it.until(f'model="whisper",role="stt"}} {model_pool.MAX_REQUESTS["stt"]}.0\n')
                async with it.http.post(it.url + "/v1/audio/transcriptions", data=form(wav(0.1))) as turned_away:
                    assert turned_away.status == 503
                    assert turned_away.headers["Retry-After"] == "1"
                    assert (await turned_away.json())["error"]["type"] == "server_error"
                it.stt.gate.set()
            assert {task.result()[0] for task in inside} == {200}
            assert 'inside{model="whisper",role="stt"} 0.0\n' in await it.metrics()

    run(main())


def test_a_client_that_leaves_the_queue_is_never_heard() -> None:
    """Of two, the second leaves while the first is being worked on: its sound never reaches the model."""

    async def main() -> None:
        async with engine_server() as it:
            it.stt.gate.clear()
            first = asyncio.create_task(it.post("/v1/audio/transcriptions", form(wav(1.0))))
            second = asyncio.create_task(it.post("/v1/audio/transcriptions", form(wav(2.0))))
            await it.until('inside{model="whisper",role="stt"} 2.0\n')
            second.cancel()
            await it.until('inside{model="whisper",role="stt"} 1.0\n')
            it.stt.gate.set()
            await first
            await it.post("/v1/audio/transcriptions", form(wav(3.0)))
            assert 2.0 not in it.stt.heard
            assert 'requests_total{endpoint="/v1/audio/transcriptions",status="499"} 1.0' in await it.metrics()

    run(main())


# Thinking


def test_an_answer_is_streamed_as_events() -> None:
    """Each piece is one event of the same completion, then why it ended, then [DONE]."""

    async def main() -> None:
        async with engine_server() as it:
            _, raw = await it.post("/v1/chat/completions", chat(max_tokens=3, stream=True, model="llama"))
            lines = raw.decode().split("\n\n")
            assert lines[-2:] == ["data: [DONE]", ""]
            events = [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]
            assert [event["choices"][0]["delta"].get("content") for event in events] == ["0 ", "1 ", "2 ", None]
            assert [event["choices"][0]["finish_reason"] for event in events] == [None, None, None, "length"]
            assert {(event["id"], event["object"], event["model"]) for event in events} == {
                (events[0]["id"], "chat.completion.chunk", "llama")
            }

    run(main())


def test_an_answer_in_one_piece() -> None:
    """Without `stream`, the text, why it ended and what it cost."""

    async def main() -> None:
        async with engine_server() as it:
            status, said = await it.post("/v1/chat/completions", chat(max_completion_tokens=3))
            assert status == 200
            assert said["choices"][0]["message"] == {"role": "assistant", "content": "0 1 2 "}
            assert said["choices"][0]["finish_reason"] == "length"
            assert said["usage"] == {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}

    run(main())


def test_a_client_that_hangs_up_stops_the_model() -> None:
    """The client goes while the model is busy with the third of thousands of tokens; it says no more of them."""

    async def main() -> None:
        async with engine_server() as it:
            it.llm.pauses_at = 2
            ask = chat(max_tokens=4096, stream=True)
            async with it.http.post(it.url + "/v1/chat/completions", json=ask) as answer:
                await answer.content.readuntil(b"\n\n")
            async with asyncio.timeout(60):
                await it.llm.stopped.wait()
            assert it.llm.said == 2
            await it.until('inside{model="llama",role="llm"} 0.0\n')

    run(main())


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        (b"{", 400, None),
        (b"\xff\xfe", 400, None),
        (b"[]", 400, None),
        ({"model": "llama"}, 400, "messages"),
        ({"messages": []}, 400, "messages"),
        ({"messages": [{"role": "caller", "content": "x"}]}, 400, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, 400, "messages[0].content"),
        ({"messages": [{"role": "user"}]}, 400, "messages[0].content"),
        (chat(max_tokens=0), 400, "max_tokens"),
        (chat(max_tokens="many"), 400, "max_tokens"),
        (chat(temperature=9), 400, "temperature"),
        (chat(stream="yes"), 400, "stream"),
        (chat("too much"), 400, "messages"),
        (chat(model="gpt-4"), 404, "model"),
        (io.BytesIO(bytes(JSON_BYTES + 1)), 413, None),
    ],
)
def test_a_wrong_question_is_refused_by_field(body: Any, status: int, param: str | None) -> None:
    """The field is named, and what was in it is not repeated."""

    async def main() -> None:
        async with engine_server() as it:
            got, said = await it.post("/v1/chat/completions", body)
            assert (got, said["error"]["param"]) == (status, param), said

    run(main())


def test_a_model_that_fails_is_a_failed_request() -> None:
    """Before the first piece it is a 500; in a stream the stream says so and has no [DONE]; then all goes on."""

    async def main() -> None:
        async with engine_server() as it:
            status, said = await it.post("/v1/chat/completions", chat("fail", max_tokens=5))
            assert (status, said["error"]["message"]) == (500, "the model failed")
            _, raw = await it.post("/v1/chat/completions", chat("fail", max_tokens=5, stream=True))
            events = raw.decode().strip().split("\n\n")
            assert json.loads(events[-1].removeprefix("data: "))["error"]["message"] == "the model failed"
            assert b"[DONE]" not in raw
            assert (await it.post("/v1/chat/completions", chat(max_tokens=1)))[0] == 200

    run(main())


def test_a_prompt_is_read_beforehand() -> None:
    """`/v1/warm` hands what conversations begin with to the model; nothing at all is refused."""

    async def main() -> None:
        async with engine_server() as it:
            opening = [{"role": "system", "content": "You sell boats."}, {"role": "user", "content": "Cars?"}]
            status, said = await it.post("/v1/warm", {"messages": opening})
            assert (status, list(said)) == (200, ["seconds"])
            assert it.llm.warmed == opening
            assert (await it.post("/v1/warm", {"messages": []}))[1]["error"]["param"] == "messages"

    run(main())


def test_a_model_says_whether_the_words_may_be_all() -> None:
    """`/v1/may_end` hands the conversation to the model; where it cannot tell, it says so."""

    async def main() -> None:
        async with engine_server() as it:
            assert await it.post("/v1/may_end", chat("I would like")) == (200, {"log_odds": 1.123})
            assert await it.post("/v1/may_end", chat("who knows")) == (200, {"log_odds": None})
            status, said = await it.post("/v1/may_end", chat("too much"))
            assert (status, said["error"]["param"]) == (400, "messages")
            assert (await it.post("/v1/may_end", {"messages": []}))[0] == 400

    run(main())


# Speaking


def test_one_sentence_says_its_length_beforehand() -> None:
    """The header holds the true rate and length, so a player knows when it ends."""

    async def main() -> None:
        async with engine_server() as it:
            status, sound = await it.post("/v1/audio/speech", {"input": "Hello", "voice": "voice", "model": "piper"})
            assert status == 200
            with wave.open(io.BytesIO(sound)) as file:
                assert (file.getframerate(), file.getnframes(), file.getnchannels()) == (22_050, 2205, 1)

    run(main())


def test_several_sentences_are_sent_as_they_are_made() -> None:
    """The first is there while the second is not even begun; the length is said to be unknown."""

    async def main() -> None:
        async with engine_server() as it:
            it.tts.gate.clear()
            async with it.http.post(it.url + "/v1/audio/speech", json={"input": "One two"}) as answer:
                head = await answer.content.readexactly(44)
                assert head[40:44] == b"\xff\xff\xff\xff"
                assert await answer.content.readexactly(4410) == b"\x01\x00" * 2205
                assert it.tts.said == ["One"]
                it.tts.gate.set()
                assert await answer.content.read() == b"\x02\x00" * 2205

    run(main())


def test_bare_samples_at_another_speed() -> None:
    """`pcm` has no header; twice the speed is half the sound."""

    async def main() -> None:
        async with engine_server() as it:
            ask = {"input": "Hello", "response_format": "pcm", "speed": 2}
            assert (await it.post("/v1/audio/speech", ask))[1] == b"\x01\x00" * 1102

    run(main())


def test_a_client_that_hangs_up_stops_the_voice_at_the_next_sentence() -> None:
    """The second word is being made when the client leaves; the third never is."""

    async def main() -> None:
        async with engine_server() as it:
            it.tts.gate.clear()
            async with it.http.post(it.url + "/v1/audio/speech", json={"input": "One two three four"}) as answer:
                await answer.content.readexactly(44 + 4410)
            await it.until('inside{model="voice",role="tts"} 0.0\n')
            it.tts.gate.set()
            await it.post("/v1/audio/speech", {"input": "Next"})
            assert it.tts.said in (["One", "Next"], ["One", "two", "Next"])

    run(main())


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": ""}, "input"),
        ({"input": " … !"}, "input"),
        ({"input": "x" * 5000}, "input"),
        ({"input": "Hello", "speed": 10}, "speed"),
        ({"input": "Hello", "response_format": "mp3"}, "response_format"),
        ({"input": "Hello", "voice": "alloy"}, "voice"),
    ],
)
def test_a_wrong_wish_is_refused_by_field(body: Any, param: str) -> None:
    """What cannot be spoken is named."""

    async def main() -> None:
        async with engine_server() as it:
            status, said = await it.post("/v1/audio/speech", body)
            assert (status, said["error"]["param"]) == (400, param)

    run(main())


# All


def test_browsers_are_refused_everywhere() -> None:
    """A page that somebody opened on this machine must not reach the models."""

    async def main() -> None:
        async with engine_server() as it:
            origin = {"Origin": "http://localhost:3001"}
            for path in ("/v1/chat/completions", "/v1/audio/speech", "/v1/warm"):
                status, said = await it.post(path, chat(), headers=origin)
                assert (status, said["error"]["type"]) == (403, "invalid_request_error")
            async with it.http.get(it.url + "/health", headers=origin) as answer:
                assert answer.status == 403
            assert it.llm.said == 0

    run(main())


def test_health_waits_for_the_defaults() -> None:
    """503 and what is missing, while others answer already; 200 once nothing is."""

    async def main() -> None:
        async with engine_server() as it:
            it.server.waiting_for = {"llm", "stt"}
            status, said = await it.get("/health")
            assert (status, said["status"], said["loading"]) == (503, "loading", ["llm", "stt"])
            assert (await it.post("/v1/audio/speech", {"input": "Hello"}))[0] == 200
            it.server.waiting_for = set()
            status, said = await it.get("/health")
            assert (status, said["status"]) == (200, "ok")
            assert said["models"] == {"stt": "whisper", "llm": "llama", "tts": "voice"}

    run(main())


def test_unknown_places_are_refused_in_the_same_shape() -> None:
    """404 and 405 too; in the metrics they share one name, so nobody can fill them up."""

    async def main() -> None:
        async with engine_server() as it:
            for path in ("/v1/embeddings", "/x" * 50):
                status, said = await it.post(path, {})
                assert (status, said["error"]["type"]) == (404, "invalid_request_error")
            assert (await it.post("/health", {}))[0] == 405
            assert 'requests_total{endpoint="other",status="404"} 2.0' in await it.metrics()

    run(main())


def test_metrics_are_in_the_format_of_prometheus() -> None:
    """Every line is a comment or a name, labels and a number; buckets only grow; memory is told."""

    async def main() -> None:
        async with engine_server() as it:
            await it.post("/v1/chat/completions", chat(max_tokens=1))
            text = await it.metrics()
            values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
            assert values['lineside_engine_requests_total{endpoint="/v1/chat/completions",status="200"}'] == "1.0"
            buckets = [float(values[name]) for name in values if "_bucket" in name]
            assert buckets == sorted(buckets)
            assert buckets[-1] == 1
            assert float(values["process_resident_memory_bytes"]) > 10e6
            assert values["lineside_engine_ready"] == "1.0"

    run(main())


def test_what_callers_say_is_in_no_log_line() -> None:
    """Not even when the model breaks with their words in its error."""

    async def main() -> None:
        async with engine_server() as it:
            with capture_logs() as lines:
                status, said = await it.post("/v1/audio/transcriptions", form(wav(9.0)))
                await it.post("/v1/chat/completions", chat(SECRET, max_tokens="x"))
                await it.post("/v1/chat/completions", chat(SECRET, max_tokens=1))
                await it.post("/v1/audio/speech", {"input": SECRET, "voice": "no"})
            assert status == 500
            assert SECRET not in json.dumps(said)
            assert SECRET not in repr(lines)
            assert [line["kind"] for line in lines if line["log_level"] == "error"] == ["RuntimeError"]

    run(main())


def test_samples_of_any_rate_are_what_was_recorded() -> None:
    """A tone of 440 Hz at 8 kHz is still one of 440 Hz, and as loud, at 16."""
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, 8000, 0, "NONE", ""))
        writer.writeframes((tone * 32767).astype("<i2").tobytes())
    heard = samples(file.getvalue())
    assert len(heard) == 16_000
    spectrum = np.abs(np.fft.rfft(heard))
    assert int(spectrum.argmax()) == 440
    assert float(np.abs(heard[4000:12000]).max()) == pytest.approx(0.5, abs=0.01)
