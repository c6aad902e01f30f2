"""What engines declare: found by entry points, validated, explained, and refused with a sentence where it is wrong."""

import sys
from pathlib import Path

import pytest

from lineside.engine_options import declared_options, engine_classes
from lineside.errors import ConfigError
from lineside.settings import complete_settings, explain, load_settings

FINE = """
from lineside.engine_options import EngineOptions, option
from lineside.engines.protocols import EngineInfo

class Parrot:
    class Options(EngineOptions):
        '''Parrot: repeats itself.'''
        pitch: float = option(1.0, env="PARROT_PITCH", about="pitch of the voice; 1.0 is normal", ge=0.5, le=2.0)
        key: str = option("", env="PARROT_KEY", secret=True, about="its key")

    def __init__(self, options, host):
        self.info = EngineInfo()
"""


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, source: str) -> None:
    """A package with one engine, where Python looks for packages."""
    (folder / f"{name}.py").write_text(source)
    info = folder / f"{name}-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0\n")
    (info / "entry_points.txt").write_text(f"[lineside.tts]\n{name} = {name}:Parrot\n")
    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(folder))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder without `.env`."""
    monkeypatch.chdir(tmp_path)


def test_the_options_of_an_outside_engine_are_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They stand in `.env`, are validated, explained and masked, and reach the engine."""
    install(tmp_path, monkeypatch, "parrot_fine", FINE)
    (tmp_path / ".env").write_text("PARROT_PITCH=1.5\nPARROT_KEY=polly\n")
    settings = load_settings()
    rows = {row.name: row for row in explain(settings)}
    assert (rows["PARROT_PITCH"].value, rows["PARROT_PITCH"].source) == ("1.5", ".env")
    assert rows["PARROT_PITCH"].about == "pitch of the voice; 1.0 is normal"
    assert (rows["PARROT_KEY"].value, rows["PARROT_KEY"].secret) == ("********", True)
    options = settings.options(engine_classes("tts")["parrot_fine"].Options)
    assert options.model_dump() == {"pitch": 1.5, "key": "polly"}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("PARROT_PITCH=9", "PARROT_PITCH='9'.*less than or equal to 2"),
        ("PARROT_PITH=1", r"PARROT_PITH, which is no setting of lineside; did you mean PARROT_PITCH\?"),
    ],
)
def test_a_wrong_option_of_an_outside_engine_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, says: str
) -> None:
    """As for any other setting."""
    install(tmp_path, monkeypatch, "parrot_wrong", FINE)
    (tmp_path / ".env").write_text(line)
    with pytest.raises(ConfigError, match=says):
        load_settings()


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("import nothing_of_this_name", "parrot_bad cannot be loaded .*nothing_of_this_name"),
        ("Bird = 1", "parrot_bad cannot be loaded .*Parrot"),
        ("class Parrot: pass", "declares no options"),
        ("class Parrot:\n    class Options: pass", "declares no options"),
        (FINE.replace("PARROT_PITCH", "OLLAMA_URL"), "two engines declare OLLAMA_URL: .*parrot_bad"),
        (FINE.replace("PARROT_PITCH", "HOST"), "parrot_bad declares HOST, which is lineside's own"),
        (FINE.replace("PARROT_PITCH", "LINESIDE_MODELS"), "parrot_bad declares LINESIDE_MODELS"),
    ],
)
def test_an_engine_that_cannot_be_used_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, says: str
) -> None:
    """With its package and what to do; nothing starts with half of the engines."""
    install(tmp_path, monkeypatch, "parrot_bad", source)
    with pytest.raises(ConfigError, match=says):
        complete_settings()


def test_every_option_says_what_it_does() -> None:
    """For `lineside settings` and `.env.example`, in one line."""
    for options in declared_options():
        for field, info in options.model_fields.items():
            assert info.description, f"{options.__qualname__}.{field}"
            assert "\n" not in info.description
