"""What `fast`, `quality` and `high` mean on a machine: the voices that are there, and a notice where one is not."""

from pathlib import Path

import pytest

from lineside.models.catalogue import find
from lineside.models.presets import PIPER_PRESETS, SPARE, piper_voice
from lineside.models.voices import VOICES
from lineside.settings import complete_settings


def put(name: str, root: Path) -> None:
    """Files of the right sizes; nobody looks inside them here."""
    for file in find(name).files:
        path = root / name / file.name
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as sparse:
            sparse.truncate(file.bytes)


def test_the_presets_are_three_voices_of_rising_size() -> None:
    """Each is a Piper voice of the catalogue, and takes more room than the one before."""
    voices = [find(name) for name in PIPER_PRESETS.values()]
    assert list(PIPER_PRESETS) == ["fast", "quality", "high"]
    assert {voice.engine for voice in voices} == {"piper"}
    sizes = [voice.bytes for voice in voices]
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("preset", PIPER_PRESETS)
def test_a_preset_is_its_voice_where_that_was_fetched(preset: str, tmp_path: Path) -> None:
    """With the voice on the disk there is nothing to say about it."""
    put(PIPER_PRESETS[preset], tmp_path)
    assert piper_voice(preset, tmp_path) == (PIPER_PRESETS[preset], "")


def test_the_default_voice_is_the_one_that_is_fetched() -> None:
    """So a fresh start has nothing to say about it."""
    engine = complete_settings().model_fields["default_tts_engine"].default
    assert [voice.default for voice in VOICES if voice.engine == engine] == [True]


@pytest.mark.parametrize("preset", ["quality", "high"])
def test_a_preset_that_was_not_fetched_speaks_as_the_default_voice(preset: str, tmp_path: Path) -> None:
    """The notice names the preset, who speaks instead, and the command that brings the real one."""
    put(SPARE, tmp_path)
    voice, notice = piper_voice(preset, tmp_path)
    assert voice == "en_US-joe-medium"
    assert f"{preset!r} speaks as en_US-joe-medium" in notice
    assert notice.endswith(f"lineside models pull {PIPER_PRESETS[preset]}")


def test_half_a_voice_is_none(tmp_path: Path) -> None:
    """A download that has not ended leaves the preset where it was."""
    put(PIPER_PRESETS["high"], tmp_path)
    (tmp_path / PIPER_PRESETS["high"] / f"{PIPER_PRESETS['high']}.onnx").unlink()
    assert piper_voice("high", tmp_path)[0] == SPARE


def test_a_voice_goes_by_its_own_name_too(tmp_path: Path) -> None:
    """Names that are no presets come back as they are, whatever lies on the disk."""
    assert piper_voice("en_US-ljspeech-high", tmp_path) == ("en_US-ljspeech-high", "")
