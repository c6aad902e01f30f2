"""What a caller's turn does where a language model calls the tools: rules keep persons, yes, secrets and goodbyes.

Everything else is the model's. What it proposes is judged in `agents.tools.proposals`; what is done after a yes is said
by rule, so that the caller hears it at once and as it is. Pure.
"""

from msgspec.structs import replace

from lineside.agents.agent import wants_person
from lineside.agents.declared import Task, Tool
from lineside.agents.slots.choices import clear_yes
from lineside.agents.slots.extract import Said, extract
from lineside.agents.tasks.phrases import BYE, WHAT, without_hesitation
from lineside.agents.tasks.state import (
    Desk,
    Do,
    Question,
    Say,
    SlotValue,
    TaskState,
    Think,
    ToPerson,
    Turn,
    asked_again,
    joined,
)
from lineside.agents.tasks.steps import OFFER, UNKNOWN, refusal, values
from lineside.agents.tasks.turn import AGAIN, PLAIN_KINDS, more_answered, offer_answered
from lineside.agents.templates import reached, render, shown
from lineside.agents.tools.outcome import Outcome, Use
from lineside.agents.tools.proposals import read_back

DONE = "That's done."
MORE = "Is there anything else I can do for you?"


def native_turn(state: TaskState, desk: Desk, said: Said) -> Turn:
    """The caller has said, or keyed, this: what a rule does about it, or that the model answers."""
    if not said.keys:
        said = replace(said, text=without_hesitation(said.text))
        if wants_person(said.text):
            return replace(state, asked=None), ToPerson(desk.agent.transfer)
        if state.asked is not None and WHAT.search(said.text.strip()):
            return asked_again(state, desk), Say(state.asked.text)
    if (turn := _answered(state, desk, said)) is not None:
        return turn
    if not said.keys and desk.agent.farewell and BYE.search(said.text.strip()):
        return replace(state, asked=None), Say(desk.agent.farewell, ends=True)
    return replace(state, asked=None), Think()


def _answered(state: TaskState, desk: Desk, said: Said) -> Turn | None:
    match state.asked.kind if state.asked is not None else "":
        case "write":
            return _confirmed(state, desk, said)
        case "slot":
            return _filled(state, desk, said)
        case "person":
            return offer_answered(state, desk, said)
        case "more":
            return more_answered(state, desk, said)
    return None


def _confirmed(state: TaskState, desk: Desk, said: Said) -> Turn | None:
    """A clear yes to a read-back that was heard, with no other value in the same words; all else is the model's."""
    asked = state.asked
    if asked is None or asked.use is None or asked.read_back is None:
        return None
    yes = said.text.strip("#") == "1" if said.keys else clear_yes(said.text)
    if not yes or (not said.keys and _says_otherwise(asked.use, desk, said)):
        return None
    if not reached(asked.read_back.must_hear, desk.heard):
        return asked_again(state, desk), Say(joined(AGAIN, asked.text))
    return replace(state, asked=None), Do(asked.use, yes=True, read_back=asked.read_back)


def _says_otherwise(use: Use, desk: Desk, said: Said) -> bool:
    """Whether the words name another value than the one that was read back: "yes, on Thursday"."""
    for name, value in use.arguments.items():
        slot = desk.agent.slots.get(name)
        if slot is None or slot.kind not in PLAIN_KINDS or slot.secret:
            continue
        found = extract(slot, said, desk.place)
        if found is not None and found.whole and found.value != value:
            return True
    return False


def _filled(state: TaskState, desk: Desk, said: Said) -> Turn | None:
    """What was asked for by rule is kept; a secret is never shown to the model, and what it was for goes on at once."""
    asked = state.asked
    if asked is None:
        return None
    slot = desk.slot(asked.slot)
    found = extract(slot, said, desk.place, state.partial)
    if found is None or not found.whole:
        if slot.secret and said.keys:
            return asked_again(state, desk), Say(joined("Sorry, that was not right.", asked.text))
        return None
    slots = state.slots | {asked.slot: SlotValue(found.value, found.sure, "keys" if said.keys else "speech")}
    state = replace(state, slots=slots, partial="", asked=None)
    if not slot.secret or asked.use is None:
        return state, Think()
    use = Use(asked.use.tool, asked.use.arguments | {asked.slot: found.value})
    if desk.agent.tools[use.tool].writes:
        return asked_to_confirm(state, desk, use)
    return state, Think()


def asked_to_confirm(state: TaskState, desk: Desk, use: Use) -> Turn:
    """Read a write to the caller, and ask whether it is to be done."""
    text, heard = read_back(use, desk.agent.tools[use.tool], desk.agent.slots, desk.now)
    return replace(state, asked=Question("write", text, use=use, read_back=heard)), Say(text)


def asked_for(state: TaskState, desk: Desk, name: str, use: Use | None = None) -> Turn:
    """Ask for an argument that the model gave without having it from the caller."""
    text = desk.slot(name).asks
    return replace(state, asked=Question("slot", text, name, use=use), partial=""), Say(text)


def after_call(state: TaskState, desk: Desk, use: Use, outcome: Outcome) -> Turn:
    """A tool that writes has answered: what the caller is told."""
    tool, task = desk.agent.tools[use.tool], _task_of(use.tool, desk)
    then = task.then if task is not None else MORE
    if outcome.kind == "ok":
        given = {name: shown(kind, outcome.gives[name]) for name, kind in tool.gives.items() if name in outcome.gives}
        state = replace(state, results=state.results | given)
        said = _done(use, tool, task, given, values(state, desk))
    elif task is not None and outcome.why in task.fails:
        failure = task.fails[outcome.why]
        said = render(failure.says, values(state, desk)).text
        if failure.person:
            return replace(state, asked=None), ToPerson(joined(said, desk.agent.transfer), outcome.why)
    elif outcome.kind in {"unknown", "timeout"}:
        return replace(state, asked=None), Say(UNKNOWN)
    else:
        return replace(state, asked=Question("person", OFFER)), Say(refusal(tool, outcome))
    return replace(state, asked=Question("more", then) if then else None), Say(joined(said, then))


def _task_of(tool: str, desk: Desk) -> Task | None:
    """The task that has words for this tool, if any has."""
    return next((task for task in desk.agent.tasks.values() if any(step.does == tool for step in task.all_steps)), None)


def _done(use: Use, tool: Tool, task: Task | None, given: dict[str, str], known: dict[str, str]) -> str:
    """What was done, in the file's words where it has some, else what the tool gave."""
    steps = [step for step in task.all_steps if step.does == use.tool] if task is not None else []
    if steps and steps[0].says:
        return render(steps[0].says, known | given).text or DONE
    told = [f"{name.replace('_', ' ').capitalize()}: {value}." for name, value in given.items()]
    return joined(DONE, *told)
