"""What a caller's turn does to their business, by rule: in a fixed order, the first rule that fits decides. Pure.

A person, the answer to what was asked, cancel, another task, goodbye, "what?"; the language model gets what is left.
"""

from msgspec.structs import replace

from lineside.agents.agent import wants_person
from lineside.agents.slots.choices import clear_yes, find_choice
from lineside.agents.slots.extract import UNSURE, Said, extract, said_yes_or_no
from lineside.agents.slots.numbers import plain_words, without_digits
from lineside.agents.tasks.asked_back import meant_answered
from lineside.agents.tasks.corrections import put_right
from lineside.agents.tasks.phrases import BYE, CANCEL, WHAT, is_question, without_hesitation
from lineside.agents.tasks.routing import route
from lineside.agents.tasks.state import (
    Desk,
    Do,
    Question,
    Say,
    TaskState,
    Think,
    ToPerson,
    Turn,
    asked_again,
    joined,
)
from lineside.agents.tasks.steps import SORRY, advance, confirmed, filled, finish, retry
from lineside.agents.templates import reached

CHANGE = "All right. What should I change?"
AGAIN = "Let me say that once more."
GO_ON = "Go on, please."
CANCELLED = "All right, I've left that."
HOW = "How can I help you?"
UNANSWERED = 3  # times that one yes-or-no question is asked

# Kinds that are recognised in a sentence about something else.
PLAIN_KINDS = frozenset({"digits", "phone", "date", "time", "choice", "email"})
READ_BACK_KINDS = PLAIN_KINDS - {"time", "choice"}  # even where they can be doubted: a wrong one is heard and denied


def next_turn(state: TaskState, desk: Desk, said: Said) -> Turn:
    """The caller has said, or keyed, this: the state after it, and what to do."""
    if not said.keys:
        said = replace(said, text=without_hesitation(said.text))
        if wants_person(said.text) and not _names_option(state, desk, said.text):
            return replace(state, asked=None), ToPerson(desk.agent.transfer)
        for rule in (_cancelled, _what):
            if (turn := rule(state, desk, said)) is not None:
                return turn
    if (turn := _answered(state, desk, said)) is not None:
        return turn
    if not said.keys:
        for rule in (_wanted, _goodbye):
            if (turn := rule(state, desk, said)) is not None:
                return turn
    return _left_over(state, desk, said)


def _names_option(state: TaskState, desk: Desk, text: str) -> bool:
    """ "A representative" may be what was asked for."""
    asked = state.asked
    if asked is None or asked.kind != "slot":
        return False
    slot = desk.slot(asked.slot)
    return slot.kind == "choice" and find_choice(text, slot.options) is not None


# ── answers to what was asked ──────────────────────────────────────────────────────────────────────────────────────


def _answered(state: TaskState, desk: Desk, said: Said) -> Turn | None:
    if state.asked is None:
        return None
    match state.asked.kind:
        case "slot":
            return _slot_answered(state, desk, said, state.asked.slot)
        case "check":
            return _check_answered(state, desk, said, state.asked.slot)
        case "write":
            return _write_answered(state, desk, said, state.asked)
        case "change":
            return _change_answered(state, desk, said)
        case "person":
            return offer_answered(state, desk, said)
        case "meant":
            return meant_answered(state, desk, said)
    return more_answered(state, desk, said)


def _slot_answered(state: TaskState, desk: Desk, said: Said, name: str) -> Turn | None:
    slot = desk.slot(name)
    if slot.kind in {"text", "name", "yes_no"} and not said.keys and is_question(said.text):
        return None
    found = extract(slot, said, desk.place, state.partial)
    if found is None:
        changed = _filled_from(state, desk, said, but=name)
        return advance(changed, desk) if changed is not state else None
    if not found.whole:
        if slot.secret or len(found.value) <= len(state.partial):
            return None  # nothing more: it is asked for in other words
        asked = replace(state.asked, text=GO_ON) if state.asked is not None else None
        return replace(state, partial=found.value, asked=asked), Say(GO_ON)
    sure = found.sure and slot.confirm != "always"
    state = filled(state, name, found.value, sure=sure, keys=said.keys)
    if slot.kind not in {"text", "name"}:
        state = _filled_from(state, desk, said, but=name)
    return advance(replace(state, tries={**state.tries, name: 0}), desk)


def _check_answered(state: TaskState, desk: Desk, said: Said, name: str) -> Turn | None:
    slot, given = desk.slot(name), state.slots[name]
    if slot.kind == "yes_no":  # its own question was asked once more
        again = extract(slot, said, desk.place)
        return advance(filled(state, name, again.value, sure=True, keys=said.keys), desk) if again is not None else None
    if (corrected := put_right(state, desk, said, (name,))) is not state:
        return advance(
            replace(corrected, slots=corrected.slots | {name: replace(corrected.slots[name], sure=False)}), desk
        )
    by_words = not said.keys and slot.kind not in {"text", "name"}
    found = extract(slot, said, desk.place, given.value) if by_words else None
    if found is not None and found.whole and found.value != given.value:
        return advance(filled(state, name, found.value, sure=False, keys=said.keys), desk)
    answer = "yes" if found is not None and found.whole and found.value == given.value else said_yes_or_no(said)
    if answer == "yes":
        return advance(filled(state, name, given.value, sure=True, keys=given.by == "keys"), desk)
    if answer == "no":
        left = {other: value for other, value in state.slots.items() if other != name}
        return retry(replace(state, slots=left), desk, name, missed=True)
    return None


def _write_answered(state: TaskState, desk: Desk, said: Said, asked: Question) -> Turn | None:
    """Done only after a clear yes to a read-back that was heard; the ledger checks both again."""
    changed = _filled_from(state, desk, said)
    if changed is state:
        changed = put_right(state, desk, said, _of_task(state, desk))
    if changed is not state:
        return advance(changed, desk, "All right.")
    answer = said_yes_or_no(said)
    if answer == "no" or (answer == "yes" and not said.keys and not clear_yes(said.text)):
        return replace(state, asked=Question("change", CHANGE)), Say(CHANGE)
    if answer != "yes" or asked.use is None or asked.read_back is None:
        return None
    if not reached(asked.read_back.must_hear, desk.heard):
        return asked_again(state, desk), Say(joined(AGAIN, asked.text))
    return replace(confirmed(state, asked.use), asked=None), Do(asked.use, yes=True, read_back=asked.read_back)


def _change_answered(state: TaskState, desk: Desk, said: Said) -> Turn | None:
    changed = _filled_from(state, desk, said)
    if changed is state:
        changed = put_right(state, desk, said, _of_task(state, desk))
    if changed is not state:
        return advance(changed, desk)
    for name in state.slots:
        if set(name.split("_")) & set(plain_words(said.text)) and name in _of_task(state, desk):
            left = {other: value for other, value in state.slots.items() if other != name}
            return advance(replace(state, slots=left), desk)
    if said_yes_or_no(said) == "no" or "nothing" in plain_words(said.text):
        return _cancel(state, desk)
    return None


def offer_answered(state: TaskState, desk: Desk, said: Said) -> Turn | None:
    """The caller was offered a colleague."""
    match said_yes_or_no(said):
        case "yes":
            return replace(state, asked=None), ToPerson(desk.agent.transfer, "offered")
        case "no":
            text = "All right. Is there anything else?"
            return replace(state, asked=Question("more", text)), Say(text)
    return None


def more_answered(state: TaskState, desk: Desk, said: Said) -> Turn | None:
    """The caller was asked whether there is anything else."""
    if desk.agent.farewell and BYE.search(said.text.strip()):
        return replace(state, asked=None), Say(desk.agent.farewell, ends=True)
    if len(plain_words(said.text)) > 5 or route(said.text, desk.agent.tasks):
        return None
    match said_yes_or_no(said):
        case "no" if desk.agent.farewell:
            return replace(state, asked=None), Say(desk.agent.farewell, ends=True)
        case "yes":
            return replace(state, asked=None), Say(HOW)
    return None


# ── whatever was asked ─────────────────────────────────────────────────────────────────────────────────────────────


def _cancelled(state: TaskState, desk: Desk, said: Said) -> Turn | None:
    return _cancel(state, desk) if state.task and CANCEL.search(said.text.strip()) else None


def _cancel(state: TaskState, desk: Desk) -> Turn:
    kept = {name: value for name, value in state.slots.items() if name not in _of_task(state, desk)}
    return finish(replace(state, slots=kept), desk, desk.agent.tasks[state.task], CANCELLED)


def _what(state: TaskState, desk: Desk, said: Said) -> Turn | None:
    if state.asked is None or not WHAT.search(said.text.strip()):
        return None
    return asked_again(state, desk), Say(state.asked.text)


def _wanted(state: TaskState, desk: Desk, said: Said) -> Turn | None:
    """The caller wants a task done; one that is under way is come back to."""
    name = route(said.text, desk.agent.tasks)
    if not name or name == state.task:
        return None
    suspended = (*state.suspended, (state.task, state.step)) if state.task else state.suspended
    begun = replace(state, task=name, step=0, asked=None, partial="", tries={}, suspended=suspended[-3:])
    needed = _of_task(begun, desk)
    fresh = {
        slot: value for slot, value in state.slots.items() if slot not in needed or desk.slot(slot).kind == "digits"
    }
    return advance(_filled_from(replace(begun, slots=fresh), desk, said), desk)


def _goodbye(state: TaskState, desk: Desk, said: Said) -> Turn | None:
    if not desk.agent.farewell or not BYE.search(said.text.strip()):
        return None
    return replace(state, task="", asked=None), Say(desk.agent.farewell, ends=True)


def _left_over(state: TaskState, desk: Desk, said: Said) -> Turn:
    """No rule fits: a question is the model's, and what was asked is asked again."""
    asked = state.asked
    if asked is None or asked.kind in {"more", "meant"}:
        return replace(state, asked=None), Think()
    if not said.keys and is_question(said.text):
        again = desk.slot(asked.slot).asks if asked.kind == "slot" else asked.text
        return asked_again(state, desk), Think(again)
    if asked.kind == "slot":
        return retry(state, desk, asked.slot)
    tries = state.tries.get(asked.kind, 0) + 1
    if tries >= UNANSWERED:
        return replace(state, task="", asked=None), ToPerson(desk.agent.transfer, "not understood")
    return asked_again(replace(state, tries=state.tries | {asked.kind: tries}), desk), Say(joined(SORRY, asked.text))


def _filled_from(state: TaskState, desk: Desk, said: Said, but: str = "") -> TaskState:
    """Other slots of the task that the same words fill or change, where that is plain.

    The digits of `but` are its own.
    """
    if said.keys:
        return state
    if but in state.slots and desk.slot(but).kind in {"digits", "phone"}:
        said = replace(said, text=without_digits(said.text, state.slots[but].value))
    changed = state
    for name in _of_task(state, desk):
        slot = desk.slot(name)
        if name == but or slot.kind not in PLAIN_KINDS or slot.secret or (slot.kind == "digits" and not slot.length):
            continue
        found = extract(slot, replace(said, sure=1.0), desk.place)
        if found is None or not found.whole or not (found.sure or slot.kind in READ_BACK_KINDS):
            continue
        given = state.slots.get(name)
        if given is None or given.value != found.value:
            sure = found.sure and said.sure >= UNSURE and slot.confirm != "always"
            changed = filled(changed, name, found.value, sure=sure, keys=False)
    return changed


def _of_task(state: TaskState, desk: Desk) -> list[str]:
    """The slots of the task that is under way, in the order of its steps."""
    task = desk.agent.tasks.get(state.task)
    return list(dict.fromkeys(name for step in task.all_steps for name in step.needs)) if task is not None else []
