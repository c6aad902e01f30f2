"""`EMBEDDED_LLM=auto` from an empty folder to an answer: a publisher, its instruct model, the engine that loads it."""

import asyncio
import json
from collections.abc import Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lineside.cli import model_advice, models
from lineside.engine_server.llm.llama import LlamaModel
from lineside.models.advice import advise_here
from lineside.models.catalogue import Model
from lineside.models.store import locate
from lineside.settings import load_settings
from tests.models.fixtures import Host, file_of
from tests.models.tiny_gguf import tiny_gguf

INSTRUCT = "qwen3-0.6b"


@pytest.fixture
def coder(
    host: Host, catalogued: Callable[..., None], root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """The name of the coder of this machine; it and an instruct model can be had, small ones, and nothing is here."""
    monkeypatch.chdir(tmp_path)  # no .env
    monkeypatch.setenv("LINESIDE_MODELS", str(root))
    monkeypatch.delenv("LINESIDE_MIRROR", raising=False)
    name, seeds = load_settings().coder_model, {1: load_settings().coder_model, 2: INSTRUCT}
    small = []
    for seed, each in seeds.items():
        weights = tiny_gguf(seed)
        file = file_of(weights, host.offers(f"/{each}.gguf", weights), name="weights.gguf")
        small.append(Model(each, "llm", "Apache-2.0", "a tiny one", (file,), default=each == name, engine="embedded"))
    catalogued(*small)
    monkeypatch.setattr(model_advice, "advise_here", partial(advise_here, models=small[1:]))
    return name


def pulled() -> str:
    told = CliRunner().invoke(models.app, ["pull"])
    assert told.exit_code == 0, told.output
    return told.output


def answered(model: str, root: Path, folder: Path) -> str:
    """What the model writes, loaded as the engine server loads it."""

    async def story() -> str:
        llama = LlamaModel(locate(model, root).joinpath("weights.gguf"), folder, 1, slots=1)
        async with aclosing(llama.reply([{"role": "user", "content": "Hello?"}], 8, 0.0)) as answer:
            return "".join([piece.text async for piece in answer])

    return asyncio.run(story())


@pytest.mark.usefixtures("coder")
def test_auto_fetches_the_publishers_instruct_model_where_the_machine_bears_it(root: Path, tmp_path: Path) -> None:
    """It says which and why, `auto` means it from then on, and it answers."""
    assert f"Language model: {INSTRUCT}, the best instruct model that fits: about" in pulled()
    assert load_settings().llm_model == INSTRUCT
    assert [path.name for path in root.iterdir() if path.is_dir()] == [INSTRUCT]
    assert answered(INSTRUCT, root, tmp_path)
    told = json.loads(CliRunner().invoke(models.app, ["advise", "--json"]).stdout)
    assert (told["model"], told["candidates"][0]["downloaded"]) == (INSTRUCT, True)
    assert told["measured"]["model"] == INSTRUCT, "it was run, and its tokens per second counted"
    assert told["measured"]["tokens_per_second"] > 0


def test_auto_fetches_the_coder_of_the_index_where_the_publisher_is_away(
    coder: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says why; the next pull asks nobody, and goes on with what is here."""

    async def away(_: str) -> bool:
        return False

    monkeypatch.setattr("lineside.models.advice.publisher_answers", away)
    assert f"{INSTRUCT} would fit, but its publisher cannot be reached" in pulled()
    assert load_settings().llm_model == coder
    assert answered(coder, root, tmp_path)
    monkeypatch.setattr("lineside.models.advice.publisher_answers", None)
    assert "Language model" not in pulled()
    assert load_settings().llm_model == coder
