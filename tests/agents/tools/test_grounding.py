"""Where a model's arguments come from: the caller's words, as the rules of slots understand them, and nowhere else."""

from datetime import date

import msgspec
import pytest

from lineside.agents.declared import Limits, Slot, Tool
from lineside.agents.slots.extract import Place
from lineside.agents.tools.grounding import CallerEvidence, canonical, grounded
from lineside.agents.tools.ledger import Again, Refuse, RunTool, ToolLedger
from lineside.agents.tools.outcome import Outcome, Use
from lineside.agents.tools.proposals import read_back

PLACE = Place(date(2026, 12, 1), month_first=True, region="US")
SLOTS = {
    "order": Slot("digits", "?", length=5),
    "day": Slot("date", "?"),
    "at": Slot("time", "?"),
    "part": Slot("choice", "?", options={"morning": ("early",), "afternoon": ("late",)}),
    "phone": Slot("phone", "?"),
    "email": Slot("email", "?"),
    "amount": Slot("amount", "?"),
    "address": Slot("text", "?"),
    "name": Slot("name", "?"),
    "agreed": Slot("yes_no", "?"),
    "code": Slot("spelled", "?", length=3),
}
SAID = [
    ("order", "12345", "it's one two three four five"),
    ("order", "12345", "order 1 2 3 4 5, zip 10115"),
    ("order", "12345", "one two three | four five"),
    ("order", "12345", "12346, no, 12345"),
    ("day", "2026-12-04", "on Friday please"),
    ("day", "Friday", "next week or on friday"),
    ("day", "2026-12-03", "Thursday or Friday"),
    ("at", "14:30", "at half past two in the afternoon"),
    ("part", "morning", "early if you can"),
    ("phone", "555-201-4477", "my number is five five five two oh one four four seven seven"),
    ("email", "john.smith@gmail.com", "john dot smith at gmail dot com"),
    ("amount", "35.50", "thirty five dollars fifty"),
    ("address", "4 Mill Lane", "I live at four mill lane now"),
    ("name", "Ann Miller", "my name is ann miller"),
    ("agreed", "yes", "yes I do"),
    ("code", "B47", "b as in boy, four seven"),
]


@pytest.mark.parametrize(("name", "value", "said"), SAID, ids=[f"{name}: {said}" for name, _, said in SAID])
def test_what_the_caller_said_is_grounded(name: str, value: str, said: str) -> None:
    """In figures or words, in one breath or two, corrected, one of several."""
    found = canonical(SLOTS[name], value, PLACE)
    assert found is not None
    assert grounded(name, SLOTS[name], found, CallerEvidence(tuple(said.split(" | "))), PLACE)


NOT_SAID = [
    ("order", "54321", "it's one two three four five"),
    ("order", "12345", "my number is 1234"),
    ("day", "2026-12-05", "on Friday please"),
    ("part", "afternoon", "early if you can"),
    ("amount", "30.00", "thirty five dollars fifty"),
    ("address", "9 Hill Road", "I live at four mill lane now"),
    ("name", "John Miller", "my name is ann miller"),
    ("agreed", "no", "yes I do"),
    ("email", "joan@gmail.com", "john dot smith at gmail dot com"),
]


@pytest.mark.parametrize(("name", "value", "said"), NOT_SAID, ids=[f"{name}: {value}" for name, value, _ in NOT_SAID])
def test_what_nobody_said_is_not(name: str, value: str, said: str) -> None:
    """Something of the kind was said, and not this."""
    found = canonical(SLOTS[name], value, PLACE)
    assert found is not None
    assert not grounded(name, SLOTS[name], found, CallerEvidence((said,)), PLACE)


def test_what_a_tool_gave_grounds_an_argument_of_its_name() -> None:
    """And one without a slot by its whole value; never another slot."""
    evidence = CallerEvidence((), given={"order": "12345", "note": "54321"})
    assert grounded("order", SLOTS["order"], "12345", evidence, PLACE)
    assert not grounded("order", SLOTS["order"], "54321", evidence, PLACE)
    assert grounded("customer", None, "54321", evidence, PLACE)
    assert not grounded("customer", None, "5432", evidence, PLACE)


@pytest.mark.parametrize(
    ("name", "value"), [("order", "1234"), ("day", "soon"), ("part", "night"), ("email", "x"), ("at", "27:00")]
)
def test_what_is_none_of_its_kind_is_none(name: str, value: str) -> None:
    """Whoever said it."""
    assert canonical(SLOTS[name], value, PLACE) is None


def test_a_long_call_is_looked_through_in_bounded_time() -> None:
    """The latest words first; what was said a thousand turns ago may be asked for again."""
    evidence = CallerEvidence(("it is 12345", *["hello"] * 1000))
    assert not grounded("order", SLOTS["order"], "12345", evidence, PLACE)
    assert grounded("order", SLOTS["order"], "12345", CallerEvidence((*["hello"] * 50, "it is 12345")), PLACE)


def test_a_tool_without_a_read_back_gets_one_and_the_ledger_wants_its_yes_once() -> None:
    """All values are in it, and one yes is one call."""
    tool = Tool("Changes the address.", http="POST https://erp.internal/a")
    use = Use("change", {"order": "12345", "address": "4 Mill Lane"})
    text, heard = read_back(use, tool, SLOTS, 0.0)
    assert text == "Changes the address. Order: 1 2 3, 4 5. Address: 4 Mill Lane. Shall I do that?"
    assert heard.must_hear.endswith("4 Mill Lane")
    ledger = ToolLedger("call", Limits())
    asked = msgspec.structs.replace(heard, at=1.0)
    arguments = {"committed": True, "read_back": asked, "now": 2.0}
    assert isinstance(ledger.ask(use, tool, heard="Changes the", yes=True, **arguments), Refuse)  # type: ignore[arg-type]
    assert isinstance(ledger.ask(use, tool, heard=text, yes=False, **arguments), Refuse)  # type: ignore[arg-type]
    verdict = ledger.ask(use, tool, heard=text, yes=True, **arguments)  # type: ignore[arg-type]
    assert isinstance(verdict, RunTool)
    ledger.began(verdict.key, use, writes=True)
    ledger.ended(verdict.key, Outcome("ok"))
    assert isinstance(ledger.ask(use, tool, heard=text, yes=True, **arguments), Again)  # type: ignore[arg-type]
