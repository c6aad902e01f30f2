"""So many calls need so many machines: what bends first, what a spare one costs, and what is wrong with a file."""

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from lineside.errors import ConfigError
from lineside.planning.capacity_plan import CapacityPlan, PlannedStage, plan_capacity
from lineside.planning.figures import Figures, read_figures
from lineside.planning.setup import Setup, read_prices, read_setup
from lineside.settings import DATA

FIGURES = """
[gateway]
device = "a box"
source = "a test"
date = 2026-12-01
calls_per_worker = 100
core_per_call = 0.004
memory_mb = 150
memory_mb_per_call = 0.5

[[engine]]
name = "ear"
role = "stt"
device = "a core"
source = "a test"
date = 2026-12-01
cores = 1
memory_gb = 0.5
at_once = [{ requests = 1, fixed_s = 0.1, unit_s = 0.1, variation = 0.5 }]

[[engine]]
name = "mind"
role = "llm"
device = "a card"
source = "a test"
date = 2026-12-01
card = "H"
memory_gb = 8
at_once = [
  { requests = 1, fixed_s = 0.05, unit_s = 0.010, variation = 0.5 },
  { requests = 32, fixed_s = 0.10, unit_s = 0.020, variation = 0.5 },
]
"""
SETUP = """
[machine.box]
cores = 8
memory_gb = 16
[machine.carded]
cores = 16
memory_gb = 64
card = "H"
cards = 2
[gateway]
machine = "box"
[stt]
engine = "ear"
machine = "box"
[llm]
engine = "mind"
machine = "carded"
"""


def figures() -> Figures:
    return read_figures(FIGURES, "figures.toml")


def setup(text: str = SETUP) -> Setup:
    return read_setup(text, "engines.toml")


def planned(calls: int, text: str = SETUP) -> CapacityPlan:
    return plan_capacity(calls, 8.0, setup(text), figures(), None)


def stage(plan: CapacityPlan, name: str) -> PlannedStage:
    return next(one for one in plan.stages if one.name == name)


def test_a_gateway_is_full_when_its_cores_are_and_one_machine_is_spare() -> None:
    """Eight cores are seven workers of a hundred calls each."""
    for calls, machines in ((1, 2), (700, 2), (701, 3), (7000, 11)):
        assert stage(planned(calls), "gateway").machines == machines
    assert stage(planned(700), "gateway").limited_by == "cores"


def test_little_memory_or_a_thin_network_bend_a_gateway_before_its_cores() -> None:
    """Each is named as what bends; a machine with too little of all for one call is refused."""
    little = SETUP.replace("memory_gb = 16", "memory_gb = 2.1", 1)
    assert (stage(planned(700, little), "gateway").limited_by, stage(planned(700, little), "gateway").per_machine) == (
        "memory",
        100,
    )
    thin = SETUP.replace("memory_gb = 16", "memory_gb = 16\nnetwork_mbit = 10", 1)
    assert stage(planned(700, thin), "gateway").limited_by == "network"
    with pytest.raises(ConfigError, match="too little memory"):
        planned(700, SETUP.replace("memory_gb = 16", "memory_gb = 1.5", 1))


def test_an_engine_gets_the_fewest_machines_whose_requests_keep_their_wait() -> None:
    """1,000 calls, 125 utterances a second of 0.35 s: 44 servers are busy, at most 80 % of 56, seven machines'."""
    ear = stage(planned(1000), "stt")
    assert (ear.machines, ear.spare, ear.per_machine) == (8, 1, 8)
    assert ear.utilisation == pytest.approx(43.75 / 56)
    assert ear.wait_ms is not None
    assert ear.wait_ms <= 200
    one_less = stage(planned(1000, SETUP.replace('engine = "ear"', 'engine = "ear"\nbusy = 0.95\nspare = 0')), "stt")
    assert one_less.machines == 6, "where servers may be busier, fewer do"


def test_a_wait_that_must_be_short_costs_machines_where_few_serve() -> None:
    """Few servers wait long at the same share of busy ones."""
    few = SETUP.replace("cores = 8", "cores = 2", 1)
    patient = few.replace('engine = "ear"', 'engine = "ear"\nwait_ms = 2000')
    hurried = few.replace('engine = "ear"', 'engine = "ear"\nwait_ms = 10')
    assert stage(planned(20, hurried), "stt").machines > stage(planned(20, patient), "stt").machines


def test_a_card_that_works_on_many_requests_at_once_carries_more() -> None:
    """Two cards with 32 answers each in place of one each: slower for each, and far fewer machines."""
    batched, single = (planned(1000, SETUP + f"at_once = {at_once}\n") for at_once in (32, 1))
    assert stage(batched, "llm").machines < stage(single, "llm").machines
    assert stage(batched, "llm").per_machine == 64
    assert batched.cards == 2 * stage(batched, "llm").machines
    assert stage(planned(1000), "llm") == stage(batched, "llm"), "as many at once as were measured, unless told"


def test_the_cost_is_that_of_all_machines() -> None:
    """An hour, a month of 730, and an hour of one call."""
    prices = read_prices('currency = "EUR"\n[per_hour]\nbox = 0.5\ncarded = 3.0', "prices.toml")
    plan = plan_capacity(1000, 8.0, setup(), figures(), prices)
    expected = 0.5 * (3 + 8) + 3.0 * stage(plan, "llm").machines
    assert plan.per_hour == pytest.approx(expected)
    assert plan.per_month == pytest.approx(730 * expected)
    assert plan.per_call_hour == pytest.approx(expected / 1000)


def test_figures_of_ones_own_count_before_those_that_come_with_lineside() -> None:
    """By name; the others stay."""
    faster = replace(figures().of("stt", "ear"), at_once=(replace(figures().of("stt", "ear").service(1), unit_s=0.01),))
    both = figures().with_others(Figures(engine=(faster,)))
    assert both.of("stt", "ear") == faster
    assert both.gateway == figures().gateway
    assert both.of("llm", "mind").name == "mind"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (SETUP.replace('"ear"', '"eye"'), "no figures of the stt engine 'eye'"),
        (SETUP.replace('machine = "box"', 'machine = "bax"', 1), "no machine is called 'bax'"),
        (SETUP.replace('card = "H"', 'card = "A"'), "needs a card 'H'"),
        (SETUP + "at_once = 7\n", "was not measured with 7 at once"),
        (SETUP.replace("memory_gb = 64", "memory_gb = 4"), "too few memory"),
        (SETUP + "colour = 1\n", "colour"),
        (SETUP.replace("cores = 8", "cores = 0"), "cores"),
        ("[", "engines.toml"),
    ],
    ids=["engine", "machine", "card", "batch", "memory", "field", "range", "toml"],
)
def test_a_file_that_is_wrong_is_told_what_is(wrong: str, says: str) -> None:
    """Each name that leads nowhere is named."""
    with pytest.raises(ConfigError, match=says):
        planned(1000, wrong)


def test_a_price_that_is_missing_is_named() -> None:
    """No machine costs nothing by mistake."""
    with pytest.raises(ConfigError, match="no price of the machine 'box'"):
        plan_capacity(10, 8.0, setup(), figures(), read_prices('currency = "EUR"\nper_hour = {}', "prices.toml"))


def test_the_figures_and_samples_that_come_with_lineside_plan_a_hundred_thousand_calls() -> None:
    """Every figure names its source, and the plan names every figure."""
    own = read_figures((DATA / "capacity.toml").read_text("utf-8"), "capacity.toml")
    sample = Path(__file__).parents[2] / "examples" / "plan" / "engines.toml"
    plan = plan_capacity(100_000, 8.0, read_setup(sample.read_text("utf-8"), "engines.toml"), own, None)
    assert [one.name for one in plan.stages] == ["gateway", "stt", "llm", "tts"]
    assert len(plan.figures) == 4
    assert msgspec.json.decode(msgspec.json.encode(plan), type=CapacityPlan) == plan
