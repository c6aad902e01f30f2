"""On through a task: the next slot to ask for, the next tool to call, what to say at the end. Pure."""

from msgspec.structs import replace

from lineside.agents.declared import LIMIT, Condition, Slot, Task, TaskStep, Tool
from lineside.agents.tasks.state import Desk, Do, Question, Say, SlotValue, TaskState, ToPerson, Turn, joined
from lineside.agents.templates import places, plain_read_back, reached, render, shown
from lineside.agents.tools.ledger import ReadBack
from lineside.agents.tools.outcome import Outcome, Use

SORRY = "Sorry, I didn't get that."
OFFER = "Would you like to speak to a colleague?"
TO_BE_SURE = "Let me make sure."
UNREACHABLE = f"I'm sorry, I can't reach our system at the moment. {OFFER}"
NOT_DONE = f"I'm sorry, that didn't work, and nothing has been changed. {OFFER}"
LIMITED = f"I'm sorry, I can't do that again today, and nothing has been changed. {OFFER}"
UNKNOWN = "I'm sorry, I can't tell whether that went through. A colleague will check, and call you back."


def advance(state: TaskState, desk: Desk, said: str = "") -> Turn:
    """Go on from the state's step. `said`: what has to be said first."""
    task = desk.agent.tasks[state.task]
    steps = task.all_steps
    while state.step < len(steps):
        step = steps[state.step]
        if step.when is not None and not holds(step.when, state):
            state = replace(state, step=state.step + 1)
            continue
        if (missing := next((name for name in step.needs if name not in state.slots), None)) is not None:
            return ask_slot(state, desk, missing, said)
        if (doubtful := _to_check(state, desk, step)) is not None:
            return _ask_check(state, desk, doubtful, said)
        if step.does:
            return _use(state, desk, step.does, said)
        said = joined(said, render(step.says, values(state, desk)).text)
        if step.end:
            break
        state = replace(state, step=state.step + 1)
    return finish(state, desk, task, said)


def finish(state: TaskState, desk: Desk, task: Task, said: str) -> Turn:
    """The task is over: go back to the one that it interrupted, or ask for more."""
    over = replace(state, task="", step=0, asked=None, partial="", tries={})
    if state.suspended:
        *rest, (name, step) = state.suspended
        back = desk.agent.tasks[name].about or name.replace("_", " ")
        return advance(
            replace(over, task=name, step=step, suspended=tuple(rest)), desk, joined(said, f"Back to {back}.")
        )
    if not task.then:
        return over, Say(said)
    return replace(over, asked=Question("more", task.then)), Say(joined(said, task.then))


def ask_slot(state: TaskState, desk: Desk, name: str, said: str = "", text: str = "") -> Turn:
    """Ask for a slot; `text`: in these words."""
    question = text or desk.slot(name).asks
    state = replace(state, asked=Question("slot", question, name), partial=state.partial if text else "")
    return state, Say(joined(said, question))


def retry(state: TaskState, desk: Desk, name: str, *, missed: bool = False) -> Turn:
    """Ask for a slot again, in other words; a question that was not heard is no try.

    `missed`: it was answered, and wrongly understood.
    """
    slot, asked = desk.slot(name), state.asked
    tries = state.tries.get(name, 0)
    if missed or (asked is not None and reached(asked.text, desk.heard)):
        tries += 1
    state = replace(state, tries=state.tries | {name: tries}, partial="")
    if tries >= slot.tries:
        return _given_up(state, desk, slot, name)
    text = (slot.asks, *slot.again)[min(tries, len(slot.again))]
    return ask_slot(state, desk, name, "" if text in slot.again else SORRY, text)


def _given_up(state: TaskState, desk: Desk, slot: Slot, name: str) -> Turn:
    match slot.otherwise:
        case "skip":
            return advance(replace(state, slots=state.slots | {name: SlotValue("", by="skipped")}, asked=None), desk)
        case "end":
            return finish(state, desk, desk.agent.tasks[state.task], "I'm sorry, I can't go on without that.")
    return replace(state, task="", asked=None), ToPerson(joined("I'm sorry.", desk.agent.transfer), "not understood")


def values(state: TaskState, desk: Desk) -> dict[str, str]:
    """What templates may name: slots as they are said, and results. Secret slots are never said."""
    known = {
        name: shown(desk.slot(name).kind, given.value)
        for name, given in state.slots.items()
        if given.by != "skipped" and not desk.slot(name).secret
    }
    return known | state.results


def holds(condition: Condition, state: TaskState) -> bool:
    """Whether a condition is met now."""
    given = state.slots.get(condition.of)
    value = given.value if given is not None and given.by != "skipped" else state.results.get(condition.of)
    if condition.missing:
        return value is None
    if condition.equals is not None:
        return value == condition.equals
    return value in condition.one_of


def after_tool(state: TaskState, desk: Desk, use: Use, outcome: Outcome) -> Turn:
    """The tool that the state's step asked for has answered."""
    task, tool = desk.agent.tasks[state.task], desk.agent.tools[use.tool]
    step = task.all_steps[state.step]
    if outcome.kind == "ok":
        given = {name: shown(kind, outcome.gives[name]) for name, kind in tool.gives.items() if name in outcome.gives}
        state = replace(state, results=state.results | given, step=state.step + 1, asked=None)
        said = render(step.says, values(state, desk)).text
        return finish(state, desk, task, said) if step.end else advance(state, desk, said)
    if (failure := task.fails.get(outcome.why)) is not None:
        said = render(failure.says, values(state, desk)).text
        if failure.person:
            return replace(state, task="", asked=None), ToPerson(joined(said, desk.agent.transfer), outcome.why)
        if failure.again:
            left = {name: value for name, value in state.slots.items() if name != failure.again}
            return _once_more(replace(state, slots=left, partial=""), desk, failure.again, said)
        return finish(state, desk, task, said)
    return _failed(replace(state, task="", step=0, partial=""), tool, outcome)


def _once_more(state: TaskState, desk: Desk, name: str, said: str) -> Turn:
    """Ask anew for a value that the tool did not know; after so many tries somebody else has to help."""
    counted = f"unknown {name}"
    tries = state.tries.get(counted, 0) + 1
    state = replace(state, tries=state.tries | {counted: tries})
    slot = desk.slot(name)
    if tries >= slot.tries:
        return replace(state, task="", asked=Question("person", OFFER)), Say(joined(said, OFFER))
    first = min(
        (index for index, step in enumerate(desk.agent.tasks[state.task].all_steps) if name in step.needs), default=0
    )
    return ask_slot(replace(state, step=min(state.step, first)), desk, name, said, (*slot.again, slot.asks)[0])


def _failed(state: TaskState, tool: Tool, outcome: Outcome) -> Turn:
    """It failed in a way that the task has no answer to."""
    if tool.writes and outcome.kind in {"unknown", "timeout"}:
        return replace(state, asked=None), Say(UNKNOWN)
    return replace(state, asked=Question("person", OFFER)), Say(refusal(tool, outcome))


def refusal(tool: Tool, outcome: Outcome) -> str:
    """What is said of a tool that did not work, by rule."""
    if outcome.why == LIMIT:
        return LIMITED
    return NOT_DONE if tool.writes else UNREACHABLE


def _to_check(state: TaskState, desk: Desk, step: TaskStep) -> str | None:
    """The first slot of a step that is to be read back by itself, and has not been."""
    tool = desk.agent.tools.get(step.does)
    read_back_anyway = places(tool.confirm) if tool is not None and tool.writes else set()
    for name in step.needs:
        slot, given = desk.slot(name), state.slots[name]
        if given.sure or given.by == "skipped" or slot.secret or slot.confirm == "never" or name in read_back_anyway:
            continue
        if not _later_read_back(state, desk, name):
            return name
    return None


def _later_read_back(state: TaskState, desk: Desk, name: str) -> bool:
    """Whether the read-back of a later step's tool has this slot, with no other tool before it that uses it."""
    for step in desk.agent.tasks[state.task].all_steps[state.step :]:
        tool = desk.agent.tools.get(step.does)
        if tool is not None and name in tool.takes:
            return tool.writes and name in places(tool.confirm)
    return False


def _ask_check(state: TaskState, desk: Desk, name: str, said: str) -> Turn:
    slot, value = desk.slot(name), shown(desk.slot(name).kind, state.slots[name].value)
    match slot.kind:
        case "yes_no":  # a yes alone says nothing of what was meant
            text = f"{TO_BE_SURE} {slot.asks}"
        case "text":
            text = f"I have noted: {value.rstrip('.')}. Is that right?"
        case _:
            text = f"I have {value}. Is that right?"
    return replace(state, asked=Question("check", text, name)), Say(joined(said, text))


def _use(state: TaskState, desk: Desk, name: str, said: str) -> Turn:
    """Call the step's tool; what changes something is read back first."""
    tool, known = desk.agent.tools[name], values(state, desk)
    lacking = (one for one in tool.takes if one in desk.agent.slots and one not in state.slots | state.results)
    if (slot := next(lacking, None)) is not None:  # of an earlier step, and the caller has taken it back
        return ask_slot(state, desk, slot, said)
    use = Use(name, _arguments(state, tool))
    if not tool.writes or not tool.confirm:
        return replace(state, asked=None), Do(use)
    whole = places(tool.confirm) <= known.keys()  # else a sentence with other values would be left out
    told = [one for one in tool.takes if one in use.arguments and one in known]
    filled = render(tool.confirm if whole else plain_read_back(tool.about, told), known)
    read_back = ReadBack(use.fingerprint, filled.up_to_last_value or filled.text, desk.now)
    question = Question("write", filled.text, use=use, read_back=read_back)
    return replace(state, asked=question), Say(joined(said, filled.text))


def _arguments(state: TaskState, tool: Tool) -> dict[str, str]:
    """Slots by their names, then what earlier tools gave; what was skipped is left out."""
    given = {name: value.value for name, value in state.slots.items() if value.by != "skipped"}
    known = state.results | given
    return {name: known[name] for name in tool.takes if name in known}


def filled(state: TaskState, name: str, value: str, *, sure: bool, keys: bool) -> TaskState:
    """The slot has this value now."""
    return replace(
        state,
        slots=state.slots | {name: SlotValue(value, sure, "keys" if keys else "speech")},
        partial="" if state.asked is not None and state.asked.slot == name else state.partial,
    )


def confirmed(state: TaskState, use: Use) -> TaskState:
    """The caller said yes to a read-back of these values: none of them is in doubt any more."""
    known = {name: replace(given, sure=True) for name, given in state.slots.items() if name in use.arguments}
    return replace(state, slots=state.slots | known)
