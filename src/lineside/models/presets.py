"""Three kinds of Piper voice that people ask for by what they want of it, rather than by name."""

from pathlib import Path

from lineside.models.catalogue import find
from lineside.models.store import state
from lineside.models.voices import JOE, LJSPEECH, LJSPEECH_HIGH

# Ever bigger: the smallest that is free to use, one of the same kind, and one with four times the weights.
PIPER_PRESETS = {"fast": JOE.name, "quality": LJSPEECH.name, "high": LJSPEECH_HIGH.name}
SPARE = JOE.name


def piper_voice(preset: str, root: Path) -> tuple[str, str]:
    """The voice that a preset means on this machine, and a notice where it is another than it should be.

    Any other name is a voice's own and is given back. `root` is the models' folder.
    """
    wanted = PIPER_PRESETS.get(preset, preset)
    if wanted == preset or state(find(wanted), root) in ("ready", "unchecked"):
        return wanted, ""
    notice = f"the Piper preset {preset!r} speaks as {SPARE}, because {wanted} has not been fetched"
    return SPARE, f"{notice}; fetch it with: lineside models pull {wanted}"
