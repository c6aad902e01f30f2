"""Every command as an operator meets it: at 80 columns, in a pipe, from another folder, for programs."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import lineside
from lineside.cli import doctor, loadtest
from lineside.cli.address import base_url
from lineside.cli.host import _show
from lineside.cli.main import COMMANDS, app, load_command
from lineside.cli.output import Column, clean, print_table
from lineside.errors import ConfigError
from lineside.host.services import Service
from lineside.loadtest.recordings import OWN
from lineside.models.api_client import ask
from lineside.records.archive import Archive
from tests.call.fixtures import settings
from tests.project.test_product import SCRIPTED, serving
from tests.real_gateway import Stack
from tests.records.test_nothing_is_lost import tell
from tests.turns.test_speech_segmenter import AUDIO

CALL = "5f0cd8be97b1440db6f9b0a6a0f3c2aa"
NASTY = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp[/one][bold]x"
QUESTION = str(OWN / "saturday.wav")
SHORT = str(AUDIO / "yes.wav")
AGENT = str(Path(lineside.__file__).parent / "data" / "broadband.toml")
PLANS = Path(__file__).parents[2] / "examples" / "plan"
SCENARIOS = str(Path(__file__).parents[2] / "bench" / "desk" / "scenarios.toml")
# Words of the command → what has to be read whole at 80 columns, and the key of its JSON.
TABLE: list[tuple[tuple[str, ...], tuple[str, ...], str]] = [
    (("settings",), ("MAX_CONCURRENT_CALLS", "default", "100"), "settings"),
    (("engines",), ("faster-whisper", "stt", "espeak"), "engines"),
    (("engines", "--check"), ("scripted", "tts", "status"), "engines"),
    (("models", "list"), ("faster-whisper-large-v3-turbo", "missing"), "models"),
    (("models", "advise"), ("qwen3-0.6b", "verdict", "GB free"), "candidates"),
    (("calls",), (CALL[:8], "caller hung up"), "calls"),
    (("calls", "list", "--search", "bill"), (CALL[:8],), "calls"),
    (("calls", "show", CALL[:6]), ("My bill", "+1"), "turns"),
    (("calls", "--unanswered"), ("No questions without an answer.",), "questions"),
    (("calls", "note", CALL[:6], "--tag", "billing"), ("billing",), "tags"),
    (("knowledge", "build"), ("no documents",), "documents"),
    (("knowledge", "ask", "Are you open on Sunday?"), ("On Sunday we are closed.",), "passages"),
    (("doctor",), ("lineside", "call"), "findings"),
    (("check", AGENT), (f"{AGENT}: whole",), "files"),
    (("mcp", AGENT), ("no tool of it is one of an MCP server's",), "servers"),
    (("rehearse", SCENARIOS, "--only", "a visit"), ("calls went as meant",), "scenarios"),
    (("drain", "--undo"), ("Calls are taken again.",), "draining"),
    (("webhooks",), ("WEBHOOK_URL is not set",), "url"),
    (
        ("plan", "--calls", "1000", "--engines", str(PLANS / "engines.toml"), "--prices", str(PLANS / "prices.toml")),
        ("gateway", "stt", "llm", "tts", "machines", "EUR"),
        "stages",
    ),
    (("talk", SHORT, "--no-greeting"), ("voice to voice", "yes.wav"), "turns"),
    (("host", "services"), ("whisper-server", "stopped"), "services"),
    (("host", "machine"), ("cores", "memory"), "ram"),
    (
        ("loadtest", "--concurrency", "1", "--duration", "100ms", "--no-greeting"),
        ("1 callers", "load-generator lag"),
        "tests",
    ),
]

# Commands that are in no row, and why.
ELSEWHERE = {
    "call": "calls somebody, and no line here can: below; with a line: tests/gateway/outbound",
    "serve": "runs until Ctrl-C: tests/project/test_product.py",
    "replay": "needs the sound of a kept call, and engines; the same is asked of it in tests/replay",
}


def test_every_command_is_in_the_table_or_named_with_a_reason() -> None:
    """A new command is tried as an operator tries it."""
    assert {words[0] for words, _, _ in TABLE} ^ set(ELSEWHERE) == set(COMMANDS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DATA_DIR with one kept call, of a caller whose name is an attack on the terminal."""
    folder = tmp_path_factory.mktemp("data")

    async def story() -> None:
        async with Archive(settings(data_dir=folder)).opened() as archive:
            tell(archive, CALL, said=f"My bill {NASTY}", caller=f"+1{NASTY}")
            await archive.settled()

    asyncio.run(story())
    return folder


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a lineside with scripted engines, in a process of its own."""
    data = str(tmp_path_factory.mktemp("gateway"))
    with serving(**SCRIPTED, WORKERS="1", DATA_DIR=data, FALLBACK_TTS_ENGINES="none") as (_, url):
        yield url


@pytest.fixture(scope="module")
def host_agent() -> Iterator[str]:
    """The address of a host agent, in a process of its own; none of its services is installed here."""
    script = [sys.executable, "-m", "lineside", "host", "--port", "0"]
    with subprocess.Popen(script, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as agent:
        assert agent.stdout is not None
        url = next(line.split()[-1] for line in agent.stdout if "answers at" in line)
        yield url
        agent.terminate()


@pytest.fixture
def typed(
    folder: Path, running: str, host_agent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Commands are typed in an empty folder, beside a lineside that runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(folder))
    monkeypatch.setenv("LINESIDE_URL", running)
    monkeypatch.setenv("HOST_AGENT_URL", host_agent)
    monkeypatch.setattr(doctor, "QUESTION", Path(SHORT))
    monkeypatch.setattr(loadtest, "recordings_in", lambda _: (SHORT,))
    monkeypatch.setenv("LINESIDE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("COLUMNS", "80")
    yield  # noqa: PT022 - the environment is put back afterwards


def command(*words: str) -> Result:
    return CliRunner().invoke(app, words)


@pytest.mark.parametrize(("words", "whole", "key"), TABLE, ids=lambda value: " ".join(value) if value else "")
@pytest.mark.usefixtures("typed")
def test_a_pipe_gets_every_value_whole_a_line_a_row(words: tuple[str, ...], whole: tuple[str, ...], key: str) -> None:
    """No ellipsis, no frame, no escape sequence; what a `grep` finds is all there is."""
    told = command(*words)
    assert not isinstance(told.exception, Exception), told.output
    for value in whole:
        assert value in told.output
    assert "…" not in told.output
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", told.output)


@pytest.mark.parametrize(("words", "whole", "key"), TABLE, ids=lambda value: " ".join(value) if value else "")
@pytest.mark.usefixtures("typed")
def test_a_terminal_of_80_columns_shows_what_matters(
    words: tuple[str, ...], whole: tuple[str, ...], key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names and states stand whole; other columns wrap or are left out."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    told = command(*words)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", told.stdout)
    for value in whole:
        assert value in plain
    tables = [line for line in plain.splitlines() if line.startswith(" ")]
    assert all(len(line) <= 80 for line in tables)


@pytest.mark.parametrize(("words", "whole", "key"), TABLE, ids=lambda value: " ".join(value) if value else "")
@pytest.mark.usefixtures("typed")
def test_programs_get_one_json_document(words: tuple[str, ...], whole: tuple[str, ...], key: str) -> None:
    """Nothing else is on standard output."""
    assert key in json.loads(command(*words, "--json").stdout)


@pytest.mark.parametrize("name", [*COMMANDS, ""])
def test_help_is_there_for_each_command_and_short(name: str) -> None:
    """Each command's help begins with what it does."""
    told = command(*filter(None, [name]), "--help")
    assert told.exit_code == 0, told.output
    assert "Usage" in told.output
    assert "<bool>" not in told.output, "nothing may follow a flag"
    loaded = [load_command(name)] if name else []
    for one in (*loaded, *getattr(loaded[0] if loaded else None, "commands", {}).values()):
        for option in one.params:
            assert "[" not in (getattr(option, "help", "") or ""), f"{option.name}: rich takes it for markup"


def test_help_and_version_load_no_engine_and_no_database() -> None:
    """They answer at once, from any folder."""
    script = (
        "import sys\nfrom lineside.cli.main import main\nsys.argv = ['lineside', '{}']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print(*{{'numpy', 'aiohttp', 'sqlalchemy', 'pydantic'}} & set(sys.modules), file=sys.stderr)"
    )
    for option, says in (("--version", "lineside 0."), ("--help", "Answer calls".lower())):
        told = subprocess.run([sys.executable, "-c", script.format(option)], capture_output=True, text=True, check=True)
        assert says in told.stdout.lower()
        assert told.stderr.split() == []


@pytest.mark.usefixtures("typed")
def test_a_beginning_of_an_id_names_a_call_unless_it_names_several_or_none(folder: Path) -> None:
    """The list shows eight letters; they are enough."""
    assert json.loads(command("calls", "show", CALL[:8], "--json").stdout)["call"]["id"] == CALL
    assert "no call 'zz' is kept" in str(command("calls", "show", "zz").exception)


@pytest.mark.usefixtures("typed")
def test_a_call_of_ours_that_may_not_be_made_says_why() -> None:
    """Nobody is called, and a wrong option is named before the gateway is asked."""
    for words, why in (
        (("+442079460000",), "OUTBOUND_ALLOWED"),
        (("+442079460000", "--context", "name"), "NAME=VALUE"),
        (("+442079460000", "--on-voicemail", "shout"), "hang_up"),
    ):
        told = command("call", *words)
        assert told.exit_code != 0
        assert why in str(told.exception), told.exception


def test_what_strangers_say_cannot_reach_the_terminal() -> None:
    """Escape sequences, their one-byte forms and marks of direction are gone; brackets stand as they were said."""
    assert clean(NASTY) == "]0;owned[2J31mgnp[/one][bold]x"
    assert clean("a\nb", lines=True) == "a\nb"


def test_a_table_that_is_too_wide_leaves_out_the_least_important_column(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The one with the highest number goes first, the others stay whole."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "30")
    print_table([Column("name"), Column("far", drop=2), Column("near", drop=1)], [("n" * 12, "f" * 12, "e" * 10)])
    shown = capsys.readouterr().out
    assert "n" * 12 in shown
    assert "e" * 10 in shown
    assert "f" * 12 not in shown


def test_services_show_their_state_second_and_the_reason_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """In a pipe the reason is one line, however long."""
    why = "whisper-server is not installed; build it with scripts/build-whisper-server.sh"
    _show([Service("whisper-server", "failed", "", "", (), None, 0, 0.0, None, why)], False)
    title, row = capsys.readouterr().out.splitlines()
    assert title.split()[:2] == ["service", "status"]
    assert row.split()[:2] == ["whisper-server", "failed"]
    assert why in row


@pytest.mark.parametrize(
    "given",
    [
        "3001",
        "127.0.0.1:3001",
        "http://127.0.0.1:3001/",
        "ws://127.0.0.1:3001/ws/call",
        "http://127.0.0.1:3001/ws/call/",
    ],
)
def test_an_address_may_take_any_form(given: str) -> None:
    """Port alone, host and port, page or WebSocket: all name the same gateway."""
    assert base_url(given, settings()) == "http://127.0.0.1:3001"
    assert base_url("wss://desk.example.com/line/ws/call", settings()) == "https://desk.example.com/line"


def test_what_is_no_address_is_refused() -> None:
    """With the form that an address has."""
    with pytest.raises(ConfigError, match=r"is not an address; write http://HOST:PORT"):
        base_url("ftp://box", settings())


def test_a_load_test_of_nobody_says_so_at_once() -> None:
    """Not after thirty seconds, as figures."""
    told = command("loadtest", "--url", "127.0.0.1:9", "--duration", "1s")
    assert "no lineside answers at http://127.0.0.1:9" in str(told.exception)


def test_a_call_that_an_operator_ends_is_a_sentence(running: str) -> None:
    """`lineside talk` says who ended it, and exits with 1."""
    talking = subprocess.Popen(
        [sys.executable, "-m", "lineside", "talk", QUESTION, QUESTION, "--url", running],
        env=os.environ | {"COLUMNS": "80"},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    calls: list[dict[str, str]] = []
    while not calls and talking.poll() is None:
        calls = ask("GET", f"{running}/api/calls", None, "")["calls"]
    ask("POST", f"{running}/api/calls/{calls[0]['id']}/end", None, "")
    _, said = talking.communicate()
    assert talking.returncode == 1
    assert "Traceback" not in said
    assert "an operator ended it" in said


@pytest.mark.models
def test_the_doctor_examines_a_lineside_that_runs(stack: Stack) -> None:
    """A whole call with real engines, all good, and marked as the doctor's."""
    told = subprocess.run(
        [sys.executable, "-m", "lineside", "doctor", "--url", stack.url, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert all(finding["ok"] for finding in json.loads(told.stdout)["findings"])
