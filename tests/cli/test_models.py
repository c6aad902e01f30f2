"""`lineside models`: what the operator types and reads."""

import io
import json
import signal
import socket
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec
import pytest
from aiohttp import StreamReader
from rich.console import Console
from typer.testing import CliRunner

from lineside.cli import models
from lineside.errors import ConfigError
from lineside.models.catalogue import Model, needed
from lineside.models.download import DownloadStep
from lineside.models.progress import DownloadProgress, ProgressReporter, short
from lineside.settings import load_settings
from tests.models.fixtures import SMALL, WEIGHTS, Host, announces, answers, file_of, model_of

Catalogued = Callable[..., None]


@pytest.fixture
def lineside(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """Type `lineside models …`: the exit code and what was printed. Errors of ours come out as they are."""
    monkeypatch.chdir(tmp_path)  # no .env
    monkeypatch.setenv("LINESIDE_MODELS", str(root))
    monkeypatch.delenv("LINESIDE_MIRROR", raising=False)

    def typed(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(models.app, words)
        if isinstance(result.exception, ConfigError):
            raise result.exception
        return result.exit_code, result.output

    return typed


@pytest.fixture
def small_models(host: Host, catalogued: Catalogued, monkeypatch: pytest.MonkeyPatch) -> tuple[Model, ...]:
    """Two models, the first of them a default."""
    tiny = model_of(
        file_of(SMALL, host.offers("/small.json", SMALL), name="small.json"),
        file_of(WEIGHTS, host.offers("/weights.bin", WEIGHTS)),
    )
    other = Model("other", "tts", "CC0-1.0", "another tiny", (file_of(SMALL, host.offers("/other", SMALL)),))
    catalogued(tiny, other)
    monkeypatch.setattr(models, "CATALOGUE", (tiny, other))
    return tiny, other


def test_pull_without_names_fetches_the_defaults(
    lineside: Callable[..., tuple[int, str]], small_models: tuple[Model, ...], root: Path
) -> None:
    """The defaults come, the others do not; without a terminal, plain lines say how far it is."""
    code, said = lineside("pull")

    assert code == 0
    assert (root / "tiny/weights.bin").read_bytes() == WEIGHTS
    assert not (root / "other").exists()
    assert said.splitlines() == [
        "tiny small.json: 100 % of 0.0 MB",
        "tiny weights.bin: 100 % of 3.0 MB",
        f"tiny: ready in {root / 'tiny'}",
    ]


def test_big_files_say_every_tenth(
    lineside: Callable[..., tuple[int, str]], small_models: tuple[Model, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line every tenth, never two for the same."""
    monkeypatch.setattr(models, "BIG", 1_000_000)
    _, said = lineside("pull")

    lines = [line for line in said.splitlines() if "weights.bin" in line]
    assert len(set(lines)) == len(lines) == 11
    assert lines[0] == "tiny weights.bin: 0 % of 3.0 MB"


def test_pull_takes_names_and_the_mirror_of_the_settings(
    lineside: Callable[..., tuple[int, str]],
    small_models: tuple[Model, ...],
    root: Path,
    host: Host,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`pull NAME` fetches that one, from LINESIDE_MIRROR first; what a source said is printed once."""
    monkeypatch.setenv("LINESIDE_MIRROR", f"{host.address}/mirror")
    code, said = lineside("pull", "other")

    assert code == 0
    assert host.asked[0][0].startswith("/mirror/")
    assert (root / "other/weights.bin").read_bytes() == SMALL
    assert said.splitlines()[0] == "other: 127.0.0.1: answered 404"


def test_what_cannot_be_fetched_is_an_error_of_ours(
    lineside: Callable[..., tuple[int, str]], small_models: tuple[Model, ...], host: Host
) -> None:
    """It comes out as a sentence for `lineside.cli.main` to print, with exit code 2."""
    host.will(answers(403))
    with pytest.raises(ConfigError, match=r"weights.bin of other could not be fetched. 127.0.0.1: answered 403"):
        lineside("pull", "other")


@pytest.mark.parametrize("command", ["pull", "verify"])
def test_an_unknown_name_is_refused(
    lineside: Callable[..., tuple[int, str]], small_models: tuple[Model, ...], command: str
) -> None:
    """The known names are listed."""
    with pytest.raises(ConfigError, match=r"no model named '\.\./tiny'. The models are: tiny, other"):
        lineside(command, "../tiny")


def test_verify_names_every_wrong_model(
    lineside: Callable[..., tuple[int, str]], small_models: tuple[Model, ...], root: Path
) -> None:
    """Right ones and wrong ones each get their line; one wrong one makes the exit code 1."""
    lineside("pull", "tiny", "other")
    assert lineside("verify", "tiny", "other")[0] == 0
    (root / "tiny/weights.bin").write_bytes(b"?" + WEIGHTS[1:])

    code, said = lineside("verify", "tiny", "other")

    assert code == 1
    assert f"{root / 'tiny/weights.bin'} is damaged" in said
    assert "lineside models pull tiny" in said
    assert said.splitlines()[-1] == "other: ok"


def test_list_shows_how_every_model_stands(
    lineside: Callable[..., tuple[int, str]], small_models: tuple[Model, ...], host: Host
) -> None:
    """Name, state, role, size, whether calls need it, licence and description of each."""
    lineside("pull")
    host.will(announces(5))

    code, said = lineside("list")

    assert code == 0
    rows = [line.split() for line in said.splitlines()]
    assert ["tiny", "ready", "stt", "3.0", "MB", "yes", "MIT"] in [row[:7] for row in rows]
    assert ["other", "missing", "tts", "0.0", "MB", "CC0-1.0"] in [row[:6] for row in rows]


def test_on_a_terminal_there_are_bars() -> None:
    """One bar a file; what was in the way is printed above them, once."""
    out = Console(force_terminal=True, width=120, record=True)
    step = DownloadStep("tiny", "weights.bin", 0, 1000, "hub", "cannot be reached")
    with models._shown(out) as show:
        show(step)
        show(step)
        show(DownloadStep("tiny", "weights.bin", 500, 1000, "index"))
        show(DownloadStep("tiny", "weights.bin", 1000, 1000, "index"))

    text = out.export_text()
    assert text.count("tiny: hub: cannot be reached") == 1
    assert "tiny weights.bin" in text
    assert "1.0/1.0 kB" in text


def test_the_language_model_is_the_one_of_the_settings() -> None:
    """Who chose the bigger language model gets that one, and not the smaller one besides."""
    chosen = needed(load_settings(embedded_llm="qwen2.5-coder-1.5b").llm_model)
    detectors = ["smart-turn-v3.2", "silero-vad", "all-minilm-l6-v2"]
    assert chosen == ["faster-whisper-base", "hibari-heart", "qwen2.5-coder-1.5b", *detectors]


def steps_told(said: str) -> list[DownloadProgress]:
    return [msgspec.json.decode(line, type=DownloadProgress) for line in said.splitlines()]


def test_pull_tells_programs_how_far_it_is(
    lineside: Callable[..., tuple[int, str]], small_models: tuple[Model, ...], host: Host
) -> None:
    """JSON, one line a step; the last line of each model is final, and no other is."""
    code, said = lineside("pull", "tiny", "other", "--json")

    assert code == 0
    told = steps_told(said)
    assert [(one.model, one.state) for one in told if one.last] == [("tiny", "done"), ("other", "done")]
    assert told[0] == DownloadProgress("tiny")
    small = [one for one in told if one.file == "small.json"]
    assert small[-1].done == small[-1].total == len(SMALL)
    weights = [one.done for one in told if (one.model, one.file) == ("tiny", "weights.bin") and not one.last]
    assert weights == sorted(set(weights))
    assert weights[-1] == len(WEIGHTS)


def test_pull_tells_programs_what_went_wrong(
    lineside: Callable[..., tuple[int, str]], small_models: tuple[Model, ...], host: Host
) -> None:
    """The last line says `failed` and why; exit code 2 as ever."""
    host.will(answers(404))
    code, said = lineside("pull", "other", "--json")

    assert code == 2
    told = steps_told(said)
    assert told[-1].state == "failed"
    assert "weights.bin of other could not be fetched. 127.0.0.1: answered 404" in told[-1].message
    assert any(one.message == "answered 404" for one in told[:-1])

    code, said = lineside("pull", "../tiny", "--json")
    assert (code, steps_told(said)[-1].state) == (2, "failed")


def test_another_hundredth_is_told_at_once_and_less_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """However fast it comes, a file is about a hundred lines; when it stalls, no more than a hundredth is untold."""
    monkeypatch.setattr("lineside.models.progress.time.monotonic", lambda: 1.0)
    out = io.BytesIO()
    teller = ProgressReporter(out)
    teller.begin("tiny")
    for done in range(0, 100_001, 10):
        teller.step(DownloadStep("tiny", "weights.bin", done, 100_000, "hub"))
    teller.end("done")

    told = steps_told(out.getvalue().decode())
    assert [one.done for one in told[1:-1]] == list(range(0, 100_001, 1000))


def test_a_long_message_is_cut() -> None:
    """A line never outgrows its reader."""
    assert len(short("x" * 100_000)) == 2000


def test_list_tells_programs_in_the_words_of_the_api(
    lineside: Callable[..., tuple[int, str]], small_models: tuple[Model, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Name, role, engine, licence, bytes, state; what calls need is `default`."""
    monkeypatch.setattr(models, "needed", lambda llm: ["tiny"])
    lineside("pull", "tiny")
    code, said = lineside("list", "--json")

    assert code == 0
    tiny, other = json.loads(said)["models"]
    assert (tiny["name"], tiny["state"], tiny["default"], tiny["bytes"]) == (
        "tiny",
        "ready",
        True,
        len(SMALL + WEIGHTS),
    )
    assert (other["name"], other["state"], other["default"]) == ("other", "missing", False)


Lineside = Callable[..., tuple[int, str]]
Heard = list[tuple[str, str, str | None, bytes]]


@pytest.fixture
def gateway() -> Iterator[tuple[str, Heard, list[tuple[int, bytes]]]]:
    """A lineside that runs: its address, what it was asked, and what it answers in turn."""
    heard: Heard = []
    says: list[tuple[int, bytes]] = []

    class Asked(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            heard.append((self.command, self.path, self.headers.get("Authorization"), body))
            status, answer = says.pop(0)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def do_DELETE(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Asked)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", heard, says
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_load_and_unload_ask_the_lineside_that_runs(
    lineside: Lineside, gateway: tuple[str, Heard, list[tuple[int, bytes]]]
) -> None:
    """The body and the key are the API's; what it refuses is said in its own words."""
    url, heard, says = gateway
    says += [(200, b'{"engine":"embedded"}')] * 2 + [
        (409, b'{"error":{"code":"in_use","message":"2 requests use it"}}')
    ]

    assert lineside("load", "qwen", "--url", url, "--key", "k") == (0, "qwen: loaded by embedded\n")
    assert lineside("unload", "qwen", "--engine", "embedded", "--wait", "--url", f"{url}/")[0] == 0
    with pytest.raises(ConfigError, match="2 requests use it"):
        lineside("unload", "qwen", "--url", url)

    assert [(method, path, key, json.loads(body)) for method, path, key, body in heard] == [
        ("POST", "/api/models/load", "Bearer k", {"model": "qwen", "engine": ""}),
        ("POST", "/api/models/unload", None, {"model": "qwen", "engine": "embedded", "wait": True}),
        ("POST", "/api/models/unload", None, {"model": "qwen", "engine": "", "wait": False}),
    ]


def test_rm_asks_the_lineside_that_runs_and_does_it_itself_where_none_does(
    lineside: Lineside,
    small_models: tuple[Model, ...],
    root: Path,
    gateway: tuple[str, Heard, list[tuple[int, bytes]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So a model that is in memory is not deleted from under it."""
    url, heard, says = gateway
    lineside("pull", "tiny")
    says.append((409, b'{"error":{"code":"loaded","message":"tiny is in memory; unload it first"}}'))
    with pytest.raises(ConfigError, match="tiny is in memory"):
        lineside("rm", "--yes", "tiny", "--url", url)
    assert heard[0][:2] == ("DELETE", "/api/models/tiny")
    assert (root / "tiny/weights.bin").exists()

    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    monkeypatch.setenv("PORT", str(free))
    with pytest.raises(ConfigError, match="no lineside answers"):
        lineside("rm", "--yes", "tiny", "--url", f"http://127.0.0.1:{free}")
    assert lineside("rm", "--yes", "tiny") == (0, "tiny: deleted, 3.0 MB free\n")
    assert not (root / "tiny").exists()
    with pytest.raises(ConfigError, match="no model named"):
        lineside("rm", "../tiny")


@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [(200, b"<html>", "is no lineside"), (502, b"<html>", "answered 502"), (404, b"{}", "answered 404")],
)
def test_what_is_no_lineside_is_said(
    lineside: Lineside,
    gateway: tuple[str, Heard, list[tuple[int, bytes]]],
    status: int,
    answer: bytes,
    said: str,
) -> None:
    """Another program at the address, or an older lineside."""
    url, _, says = gateway
    says.append((status, answer))
    with pytest.raises(ConfigError, match=said):
        lineside("load", "qwen", "--url", url)


def test_an_address_is_an_address(lineside: Lineside) -> None:
    """A file is not."""
    with pytest.raises(ConfigError, match="is not an address"):
        lineside("load", "qwen", "--url", "file:///etc/passwd#")


def test_a_sigterm_between_two_bytes_ends_it(
    lineside: Lineside, small_models: tuple[Model, ...], host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may come while the HTTP parser hands bytes over: that is no broken line, and nothing is asked again."""
    take = StreamReader.feed_data

    def taken(reader: StreamReader, *data: Any) -> bool:
        signal.raise_signal(signal.SIGTERM)
        return bool(take(reader, *data))

    monkeypatch.setattr(StreamReader, "feed_data", taken)
    code, said = lineside("pull")

    assert code == 128 + signal.SIGTERM
    assert len(host.asked) == 1
    assert "ready" not in said
