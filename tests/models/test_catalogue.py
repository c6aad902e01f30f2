"""The catalogue: what is written there can be trusted, and only what is written there can be asked for."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.errors import ConfigError
from lineside.models.catalogue import CATALOGUE, Model, ModelFile, defaults, find, needed

FILES = [pytest.param(model, file, id=f"{model.name} {file.name}") for model in CATALOGUE for file in model.files]
PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


@pytest.mark.parametrize(("model", "file"), FILES)
def test_every_file_can_be_checked_and_had(model: Model, file: ModelFile) -> None:
    """A hash of 64 digits, a size, a licence, the publisher's address first and the index after it."""
    assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
    assert file.bytes > 0
    assert model.licence
    publisher, *index = file.sources
    if isinstance(publisher, str):
        assert publisher.startswith("https://")
        assert publisher.endswith(f"/{file.name}")
    else:  # the publisher's own package, not somebody's copy
        index = [publisher]
        assert {member.package for member in publisher} == {"hibari-tts"}
    for members in index:
        assert not isinstance(members, str)
        assert sum(member.bytes for member in members) == file.bytes


@pytest.mark.parametrize("model", CATALOGUE, ids=lambda model: model.name)
def test_names_are_plain_names(model: Model) -> None:
    """Names of models and files are names of folders and files, never paths out of them."""
    names = [model.name, *(file.name for file in model.files)]
    assert all(PLAIN.fullmatch(name) for name in names)
    assert len(set(names)) == len(names)


def test_no_two_models_share_a_name() -> None:
    """A short name means one model."""
    assert len({model.name for model in CATALOGUE}) == len(CATALOGUE)


def test_the_defaults_make_a_call() -> None:
    """One model a role is fetched when nobody says which."""
    assert sorted(find(name).role for name in defaults()) == ["embeddings", "llm", "stt", "tts", "turn", "vad"]


def test_the_language_model_is_the_operators_choice() -> None:
    """Another one takes the default's place; with none, as where Ollama has it, the others are needed all the same."""
    assert [find(name).role for name in needed("qwen2.5-coder-1.5b")] == [find(name).role for name in defaults()]
    assert "qwen2.5-coder-1.5b" in needed("qwen2.5-coder-1.5b")
    assert sorted(find(name).role for name in needed("")) == ["embeddings", "stt", "tts", "turn", "vad"]


@pytest.mark.parametrize("name", defaults())
def test_the_defaults_come_from_the_index_too(name: str) -> None:
    """A machine that reaches nothing but the package index can be made to answer calls."""
    assert all(any(not isinstance(source, str) for source in file.sources) for file in find(name).files)


def test_every_model_says_what_runs_it() -> None:
    """An STT, LLM or TTS model names its engine, one of that role; the gateway's own detectors name none."""
    engines = {
        "stt": {"faster-whisper", "whisper-server"},
        "llm": {"embedded"},
        "tts": {"hibari", "piper", "kokoro"},
        "turn": {""},
        "vad": {""},
        "embeddings": {""},
    }
    assert {model.name for model in CATALOGUE if model.engine not in engines[model.role]} == set()


def test_a_models_own_engine_finds_its_files() -> None:
    """What the engines look for by name is among the files: a voice's two, a recogniser's four, a server's one."""
    for model in CATALOGUE:
        names = {file.name for file in model.files}
        if model.engine == "piper":
            assert names == {f"{model.name}.onnx", f"{model.name}.onnx.json"}
        if model.engine == "whisper-server":
            assert names == {f"{model.name}.bin"}
        if model.engine == "faster-whisper":
            assert names - {"vocabulary.txt", "vocabulary.json"} == {"config.json", "tokenizer.json", "model.bin"}


@given(st.text() | st.sampled_from(["../silero-vad", "silero-vad/", "/silero-vad", "SILERO-VAD", "silero-vad\0", ""]))
def test_an_unknown_name_is_refused_with_the_known_ones(name: str) -> None:
    """Whatever is typed, a model is found by its exact name or not at all."""
    with pytest.raises(ConfigError, match="silero-vad") as refused:
        find(name)
    assert all(model.name in str(refused.value) for model in CATALOGUE)
