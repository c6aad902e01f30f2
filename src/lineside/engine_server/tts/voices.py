"""Which model speaks, and with which voice: decided from the names in a request alone."""

from collections.abc import Callable, Sequence

from lineside.engine_server.openai_schema import UNKNOWN_MODEL, RequestRefused
from lineside.models.catalogue import Model
from lineside.models.presets import PIPER_PRESETS

Preset = Callable[[str], tuple[str, str]]  # a preset → a voice, and a notice where it is not the one meant


def voices(model: Model) -> tuple[str, ...]:
    """The voices of a model that speaks; the first is its own choice. Others have none."""
    if model.engine == "kokoro":
        return tuple(file.name.removesuffix(".bin") for file in model.files if file.name.endswith(".bin"))
    return (model.name,) if model.role == "tts" else ()


def choose(
    able: Sequence[Model], first: Callable[[Sequence[Model]], Model], preset: Preset, model: str, voice: str
) -> tuple[Model, str]:
    """The model and the voice that a request means. `able` are the models that can speak, `first` prefers one of some.

    A request may name a model, or an engine as a kind of model, or nothing; and a voice of it, for Piper a preset too.
    Raises `RequestRefused`.
    """
    among = [each for each in able if model in ("", each.name, each.engine)]
    if not among:
        names = ", ".join(repr(each.name) for each in able)
        raise RequestRefused(404, f"there is no tts model {model!r}; the models are: {names}", "model", UNKNOWN_MODEL)
    if not voice:
        chosen = first(among)
        return chosen, voices(chosen)[0]
    wanted = preset(voice)[0] if voice in PIPER_PRESETS and any(each.engine == "piper" for each in among) else voice
    for each in among:
        if wanted in voices(each):
            return each, wanted
    names = ", ".join(repr(name) for each in among for name in voices(each))
    raise RequestRefused(400, f"there is no voice {voice!r}; the voices are: {names}", "voice", "unknown_voice")
