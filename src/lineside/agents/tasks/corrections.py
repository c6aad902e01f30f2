"""A value that is put right where it is read back: "No, it's 14 Harbour Street." Pure.

Digits, dates and the like are recognised in any sentence. Free words, names and amounts are not: they count only where
the caller says that something was wrong, and where it is plain which value is meant.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from lineside.agents.slots.extract import Said, extract
from lineside.agents.slots.free_text import denies, put_in_place, without_denial
from lineside.agents.slots.numbers import plain_words
from lineside.agents.tasks.state import Desk, TaskState
from lineside.agents.tasks.steps import filled

LOOSE_KINDS = frozenset({"text", "name", "amount", "number", "spelled"})


def put_right(state: TaskState, desk: Desk, said: Said, names: Iterable[str]) -> TaskState:
    """The state with the one value of these slots that the caller corrects; the same state where none is."""
    asked = state.asked
    if said.keys or asked is None or (asked.kind != "change" and not denies(said.text)):
        return state
    loose = [name for name in names if name in state.slots and desk.slot(name).kind in LOOSE_KINDS]
    words = set(plain_words(said.text))
    named = [name for name in loose if set(name.split("_")) & words]
    if len(meant := named or loose) != 1:
        return state
    [name] = meant
    slot, given = desk.slot(name), state.slots[name].value
    if slot.secret:
        return state
    rest = without_denial(said.text)
    if slot.kind in {"text", "name"}:
        rest = put_in_place(rest, given, f"{name} {slot.asks}", name=slot.kind == "name")
    found = extract(slot, replace(said, text=rest), desk.place) if rest else None
    if found is None or not found.whole or found.value == given:
        return state
    return filled(state, name, found.value, sure=slot.confirm != "always", keys=False)
