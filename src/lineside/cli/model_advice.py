"""`lineside models advise`: which embedded language model fits this machine."""

from lineside.cli.address import JsonOption
from lineside.cli.output import Column, print_json, print_table, say
from lineside.embedded_models import INSTRUCT_MODELS
from lineside.models import catalogue
from lineside.models.advice import Advice, FittingModel, advise_here, keep_choice
from lineside.models.store import state
from lineside.settings import Settings, load_settings

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
    return advise_here(settings.coder_model, settings.models_dir, mirror=settings.models_mirror)


def keep_advice(advice: Advice | None, settings: Settings) -> None:
    """Have `auto` mean what was fetched by this advice."""
    if advice is not None and advice.model in INSTRUCT_MODELS:
        keep_choice(settings.models_dir, advice.model)


def advise(as_json: JsonOption = False) -> None:
    """Say which embedded language model fits this machine, and why. Reads memory for half a second; fetches nothing."""
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
    say(f"Memory: {free:.1f} GB free, read at {speed:.1f} GB/s; the tokens/s are estimates from that.")


def _advice_row(one: FittingModel) -> tuple[str, ...]:
    needs = f"{one.memory_bytes / 2**30:.1f} GB"
    return one.model, one.verdict, f"{one.tokens_per_second:.0f}", needs, "yes" if one.downloaded else "no"
