"""`lineside models advise`: which embedded language model fits this machine."""

import os
import subprocess  # nosec B404 - one module of our own is run with it, and no shell
import sys

from lineside.cli.address import JsonOption
from lineside.cli.output import Column, print_json, print_table, say
from lineside.embedded_models import INSTRUCT_MODELS
from lineside.models import catalogue
from lineside.models.advice import Advice, FittingModel, MachineSpeed, advise_here, best_speed, keep_choice
from lineside.models.store import state
from lineside.settings import Settings, load_settings

WITHIN = 60.0  # seconds for a model to be loaded and run
ADVISED = (
    Column("model"),
    Column("verdict", styles={"fits": "green"}),
    Column("tokens/s", right=True),
    Column("memory", right=True),
    Column("downloaded"),
)


def advice_for_pull(settings: Settings) -> Advice | None:
    """What `auto` should be settled by, where no language model is here yet; later starts ask nobody."""
    now = next((model for model in catalogue.CATALOGUE if model.name == settings.llm_model), None)
    if settings.embedded_llm != "auto" or now is None or state(now, settings.models_dir) in ("ready", "unchecked"):
        return None
    return advice_here(settings)


def advice_here(settings: Settings) -> Advice:
    """What this machine should use."""
    root = settings.models_dir
    measured = best_speed(root, _measured(settings))
    return advise_here(settings.coder_model, root, mirror=settings.models_mirror, measured=measured)


def _measured(settings: Settings) -> MachineSpeed | None:
    """Run the language model that is on the disk, the one in use first; None: there is none, or it does not run."""
    here = [model for model in catalogue.CATALOGUE if model.role == "llm" and model.engine == "embedded"]
    here = [model for model in here if state(model, settings.models_dir) in ("ready", "unchecked")]
    here.sort(key=lambda model: model.name != settings.llm_model)
    if not here:
        return None
    from lineside.engine_server.__main__ import threads
    from lineside.engine_server.openmp import GENTLE_THREADS

    model = here[0]
    weights = settings.models_dir / model.name / model.files[0].name
    argv = [sys.executable, "-m", "lineside.engine_server.llm.speed", str(weights), str(threads())]
    try:
        told = subprocess.run(  # noqa: S603 # nosec B603 - a module of our own, and a file of the catalogue
            argv, env=os.environ | GENTLE_THREADS, capture_output=True, text=True, check=True, timeout=WITHIN
        )
        rate = float(told.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return MachineSpeed(model.name, model.bytes, round(rate, 1), len(os.sched_getaffinity(0))) if rate > 0 else None


def keep_advice(advice: Advice | None, settings: Settings) -> None:
    """Have `auto` mean what was fetched by this advice."""
    if advice is not None and advice.model in INSTRUCT_MODELS:
        keep_choice(settings.models_dir, advice.model)


def advise(as_json: JsonOption = False) -> None:
    """Say which embedded language model fits this machine, and why. Runs the one that is here for a moment."""
    settings = load_settings()
    advice = advice_here(settings)
    if as_json:
        print_json(advice)
        return
    say(f"{advice.model}: {advice.why}.")
    if settings.llm_model != advice.model:
        say(f"Now {settings.llm_model} is used. To change that: lineside models pull {advice.model}")
        say(f"Then start lineside with EMBEDDED_LLM={advice.model}")
    print_table(ADVISED, [_advice_row(one) for one in advice.candidates])
    free, speed = advice.memory_bytes / 2**30, advice.bandwidth / 1e9
    if (one := advice.measured) is None:
        say(f"Memory: {free:.1f} GB free, read at {speed:.1f} GB/s; the tokens/s are estimates from that.")
    else:
        rate = f"{one.tokens_per_second:.0f} tokens/s"
        say(f"Memory: {free:.1f} GB free. {one.model} was run here and wrote {rate} at best;")
        say("the other models' tokens/s follow from their sizes.")


def _advice_row(one: FittingModel) -> tuple[str, ...]:
    needs = f"{one.memory_bytes / 2**30:.1f} GB"
    return one.model, one.verdict, f"{one.tokens_per_second:.0f}", needs, "yes" if one.downloaded else "no"
