"""`lineside models`: what the operator types and reads."""

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from lineside.errors import ConfigError
from lineside.models import cli
from lineside.models.catalogue import Model, needed
from lineside.models.fetch import Step
from lineside.settings import load_settings
from tests.models.places import SMALL, WEIGHTS, Host, announces, answers, file_of, model_of

Catalogued = Callable[..., None]


@pytest.fixture
def lineside(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """Type `lineside models …`: the exit code and what was printed. Errors of ours come out as they are."""
    monkeypatch.chdir(tmp_path)  # no .env
    monkeypatch.setenv("LINESIDE_MODELS", str(root))
    monkeypatch.delenv("LINESIDE_MIRROR", raising=False)

    def typed(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(cli.app, words)
        if isinstance(result.exception, ConfigError):
            raise result.exception
        return result.exit_code, result.output

    return typed


@pytest.fixture
def toys(host: Host, catalogued: Catalogued, monkeypatch: pytest.MonkeyPatch) -> tuple[Model, ...]:
    """Two models, the first of them a default."""
    toy = model_of(
        file_of(SMALL, host.offers("/small.json", SMALL), name="small.json"),
        file_of(WEIGHTS, host.offers("/weights.bin", WEIGHTS)),
    )
    other = Model("other", "tts", "CC0-1.0", "another toy", (file_of(SMALL, host.offers("/other", SMALL)),))
    catalogued(toy, other)
    monkeypatch.setattr(cli, "CATALOGUE", (toy, other))
    return toy, other


def test_pull_without_names_fetches_the_defaults(
    lineside: Callable[..., tuple[int, str]], toys: tuple[Model, ...], root: Path
) -> None:
    """The defaults come, the others do not; without a terminal, plain lines say how far it is."""
    code, said = lineside("pull")

    assert code == 0
    assert (root / "toy/weights.bin").read_bytes() == WEIGHTS
    assert not (root / "other").exists()
    assert said.splitlines() == [
        "toy small.json: 100 % of 0.0 MB",
        "toy weights.bin: 100 % of 3.0 MB",
        f"toy: ready in {root / 'toy'}",
    ]


def test_big_files_say_every_tenth(
    lineside: Callable[..., tuple[int, str]], toys: tuple[Model, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line every tenth, never two for the same."""
    monkeypatch.setattr(cli, "BIG", 1_000_000)
    _, said = lineside("pull")

    lines = [line for line in said.splitlines() if "weights.bin" in line]
    assert len(set(lines)) == len(lines) == 11
    assert lines[0] == "toy weights.bin: 0 % of 3.0 MB"


def test_pull_takes_names_and_the_mirror_of_the_settings(
    lineside: Callable[..., tuple[int, str]],
    toys: tuple[Model, ...],
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
    lineside: Callable[..., tuple[int, str]], toys: tuple[Model, ...], host: Host
) -> None:
    """It comes out as a sentence for `lineside.cli` to print, with exit code 2."""
    host.will(answers(403))
    with pytest.raises(ConfigError, match=r"weights.bin of other could not be fetched. 127.0.0.1: answered 403"):
        lineside("pull", "other")


@pytest.mark.parametrize("command", ["pull", "verify"])
def test_an_unknown_name_is_refused(
    lineside: Callable[..., tuple[int, str]], toys: tuple[Model, ...], command: str
) -> None:
    """The known names are listed."""
    with pytest.raises(ConfigError, match=r"no model named '\.\./toy'. The models are: toy, other"):
        lineside(command, "../toy")


def test_verify_names_every_wrong_model(
    lineside: Callable[..., tuple[int, str]], toys: tuple[Model, ...], root: Path
) -> None:
    """Right ones and wrong ones each get their line; one wrong one makes the exit code 1."""
    lineside("pull", "toy", "other")
    assert lineside("verify", "toy", "other")[0] == 0
    (root / "toy/weights.bin").write_bytes(b"?" + WEIGHTS[1:])

    code, said = lineside("verify", "toy", "other")

    assert code == 1
    assert f"{root / 'toy/weights.bin'} is damaged" in said
    assert "lineside models pull toy" in said
    assert said.splitlines()[-1] == "other: right"


def test_list_shows_how_every_model_stands(
    lineside: Callable[..., tuple[int, str]], toys: tuple[Model, ...], host: Host
) -> None:
    """Name, role, size, licence and state of each."""
    lineside("pull")
    host.will(announces(5))

    code, said = lineside("list")

    assert code == 0
    rows = [line.split() for line in said.splitlines()]
    assert ["toy", "stt", "3.0", "MB", "MIT", "ready"] in rows
    assert ["other", "tts", "0.0", "MB", "CC0-1.0", "missing"] in rows


def test_on_a_terminal_there_are_bars() -> None:
    """One bar a file; what was in the way is printed above them, once."""
    out = Console(force_terminal=True, width=120, record=True)
    step = Step("toy", "weights.bin", 0, 1000, "hub", "cannot be reached")
    with cli._shown(out) as show:
        show(step)
        show(step)
        show(Step("toy", "weights.bin", 500, 1000, "index"))
        show(Step("toy", "weights.bin", 1000, 1000, "index"))

    text = out.export_text()
    assert text.count("toy: hub: cannot be reached") == 1
    assert "toy weights.bin" in text
    assert "1.0/1.0 kB" in text


def test_the_language_model_is_the_one_of_the_settings() -> None:
    """Who chose the bigger language model gets that one, and not the smaller one besides."""
    chosen = needed(load_settings(embedded_llm="qwen2.5-coder-1.5b").llm_model)
    assert chosen == ["faster-whisper-base", "en_US-joe-medium", "qwen2.5-coder-1.5b", "silero-vad"]
