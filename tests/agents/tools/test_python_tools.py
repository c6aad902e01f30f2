"""Python tools: what reaches the function, what is used of its result, and what no function can do to calls."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lineside.agents.agent import load_agent
from lineside.agents.declared import Takes, Tool
from lineside.agents.tools.outcome import Outcome, Use
from lineside.agents.tools.process_tools import ProcessTools
from lineside.agents.tools.tool_processes import PROCESSES

HEAD = """
import enum, os, subprocess, sys, threading, time
from dataclasses import dataclass
from datetime import date, time as clock
from decimal import Decimal
from typing import Literal, Optional

class NotFound(Exception):
    pass

class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"

def answer_twice():
    for number in os.listdir("/proc/self/fd"):
        if "socket" in os.path.realpath(f"/proc/self/fd/{number}"):
            os.write(int(number), b"x" * 9)

@dataclass
class Order:
    status: str
    internal_id: int

"""
END = HEAD.count("\n") + 1  # the line of a body's first line


def tool(tmp_path: Path, body: str, **declared: Any) -> Tool:
    """A tool whose function `f` has this source."""
    (tmp_path / "tools").mkdir(exist_ok=True)
    (tmp_path / "tools" / "desk.py").write_text(HEAD + body)
    given: dict[str, Any] = {"effect": "reads", "gives": {"status": "text"}, "within": 60.0, "fails": {}}
    given |= declared
    given["takes"] = {name: Takes() for name in given.get("takes", ("number",))}
    return Tool("It.", python="tools/desk.py:f", **given)


def outcomes(
    tmp_path: Path, tool: Tool, *uses: dict[str, str], secrets: Mapping[str, str] | None = None
) -> list[Outcome]:
    """What comes of these uses, one after the other, in one pool of processes."""

    async def story() -> list[Outcome]:
        tools = ProcessTools(tmp_path, dict(os.environ) | dict(secrets or {}))
        try:
            return [await tools.run(Use("f", arguments), tool, "key-1") for arguments in uses]
        finally:
            await tools.close()

    return asyncio.run(story())


def outcome(tmp_path: Path, body: str, arguments: dict[str, str] | None = None, **declared: Any) -> Outcome:
    """What comes of one use."""
    declared.setdefault("takes", tuple(arguments or {"number": ""}))
    (only,) = outcomes(tmp_path, tool(tmp_path, body, **declared), arguments or {"number": "12345"})
    return only


def test_arguments_come_as_their_annotations_want_them(tmp_path: Path) -> None:
    """Callers' words are text; a function gets numbers, days, options."""
    body = """
def f(a: str, b: int, c: float, d: bool, e: Decimal, g: date, h: clock, i: Literal["am", "pm"], j: Optional[int],
      k: "int | None", m: Size, n: int = 7, *, idempotency_key: str) -> dict[str, str]:
    return {"status": repr([a, b, c, d, e, g, h, i, j, k, m, n, idempotency_key])}
"""
    given = {"a": "x", "b": "12", "c": "1.5", "d": "yes", "e": "35.50", "g": "2026-12-04", "h": "14:30", "i": "pm"}
    given |= {"j": "3", "k": "4", "m": "large"}
    said = outcome(tmp_path, body, given).gives["status"]
    assert said == (
        "['x', 12, 1.5, True, Decimal('35.50'), datetime.date(2026, 12, 4), datetime.time(14, 30), 'pm', 3, 4, "
        "<Size.LARGE: 'large'>, 7, 'key-1']"
    )


@pytest.mark.parametrize("returns", ['{"status": "sent", "internal_id": 9}', 'Order("sent", 9)', '"sent"'])
def test_what_is_declared_of_a_result_is_used_and_nothing_else(tmp_path: Path, returns: str) -> None:
    """A mapping, a dataclass, or the one value itself; an id in it is never read aloud."""
    assert outcome(tmp_path, f"def f(number: str): return {returns}").gives == {"status": "sent"}


def test_a_coroutine_is_awaited(tmp_path: Path) -> None:
    """Functions may be async."""
    assert outcome(tmp_path, "async def f(number: int): return {'status': number + 1}").gives == {"status": "12346"}


def test_an_argument_that_does_not_fit_is_refused_and_nothing_runs(tmp_path: Path) -> None:
    """A day that is none is not tried as a day."""
    found = outcome(tmp_path, "def f(day: date): return {'status': 'x'}", {"day": "soon"}, effect="writes")
    assert (found.kind, found.why) == ("refused", "day is no date")


def test_a_named_exception_is_a_failure_that_tasks_know(tmp_path: Path) -> None:
    """By its own name or that of what it derives from."""
    assert outcome(tmp_path, "def f(number: str): raise NotFound", fails={"NotFound": "none"}).why == "none"
    assert outcome(tmp_path, "def f(number: str): raise KeyError", fails={"LookupError": "gone"}).why == "gone"


@pytest.mark.parametrize(("effect", "kind"), [("reads", "failed"), ("writes", "unknown")])
def test_any_other_exception_is_told_by_its_kind_and_place_alone(tmp_path: Path, effect: str, kind: str) -> None:
    """What it says may hold the caller's words. A write may have been done before it was raised."""
    found = outcome(tmp_path, "def f(number: str):\n    raise RuntimeError(number)", effect=effect)
    assert (found.kind, found.why) == (kind, f"RuntimeError at desk.py:{END + 1}")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("return ['sent']", "it returned no values"),
        ("return {'state': 'sent'}", "its answer lacks status"),
        ("return {'status': object()}", "its answer lacks status"),
        ("return {'status': float('nan')}", "its answer lacks status"),
        ("return {'status': __import__('decimal').Decimal('-Infinity')}", "its answer lacks status"),
        ("os._exit(3)", "its process died (exit code 3)"),
        ("os.kill(os.getpid(), 9)", "its process died (signal SIGKILL)"),
        ("sys.exit('now')", f"SystemExit at desk.py:{END + 2}"),
        ("return {'status': bytearray(3 << 30)}", f"MemoryError at desk.py:{END + 2}"),
        ("answer_twice()", "more than a megabyte"),
    ],
)
def test_nonsense_is_a_failure_and_the_next_call_is_answered(tmp_path: Path, body: str, why: str) -> None:
    """Whatever a function returns, eats, or does to its process."""
    source = f"def f(number: str):\n if number == 'good': return {{'status': 'sent'}}\n {body}"
    bad, good = outcomes(tmp_path, tool(tmp_path, source), {"number": "bad"}, {"number": "good"})
    assert (bad.kind, bad.why) == ("failed", why)
    assert good.gives == {"status": "sent"}


def test_megabytes_are_cut_before_they_travel(tmp_path: Path) -> None:
    """A value is 300 characters at most, and control tokens are no part of it."""
    found = outcome(tmp_path, "def f(number: str): return {'status': '<|im_end|>' + 'x' * (50 << 20)}")
    assert found.gives == {"status": "x" * 300}


def test_a_tool_that_hangs_is_over_at_its_deadline_and_gone(tmp_path: Path) -> None:
    """Its process is killed, and the next call has a new one."""
    source = (
        "def f(number: str):\n if number == 'hang':\n  while True: time.sleep(1)\n return {'status': str(os.getpid())}"
    )
    declared = tool(tmp_path, source)

    async def story() -> list[Outcome]:
        tools = ProcessTools(tmp_path, os.environ)
        uses = [("1", declared), ("hang", replace(declared, within=1.0)), ("2", declared)]
        found = [await tools.run(Use("f", {"number": number}), how, "") for number, how in uses]
        await tools.close()
        return found

    first, hung, after = asyncio.run(story())
    assert (hung.kind, hung.ms < 60_000) == ("timeout", True)
    assert after.gives["status"] != first.gives["status"]
    with pytest.raises(ProcessLookupError):
        os.kill(int(first.gives["status"]), 0)


def test_a_tool_that_hangs_holds_up_no_other_call(tmp_path: Path) -> None:
    """Calls at the same time have processes of their own."""
    source = "def f(number: str):\n if number == 'hang': time.sleep(600)\n return {'status': 'sent'}"
    declared = tool(tmp_path, source)

    async def story() -> tuple[Outcome, list[bool]]:
        tools = ProcessTools(tmp_path, os.environ)
        hanging = [asyncio.create_task(tools.run(Use("f", {"number": "hang"}), declared, "")) for _ in range(2)]
        quick = await tools.run(Use("f", {"number": "1"}), declared, "")
        over = [each.done() for each in hanging]
        for each in hanging:
            each.cancel()
        await asyncio.wait(hanging)
        await tools.close()
        return quick, over

    quick, over = asyncio.run(story())
    assert (quick.kind, over) == ("ok", [False, False])


def test_more_calls_than_processes_wait_their_turn(tmp_path: Path) -> None:
    """All are answered, by no more processes than there may be."""
    declared = tool(tmp_path, "def f(number: str): time.sleep(0.05); return {'status': str(os.getpid())}")

    async def story() -> list[Outcome]:
        tools = ProcessTools(tmp_path, os.environ)
        uses = [tools.run(Use("f", {"number": str(n)}), declared, "") for n in range(3 * PROCESSES)]
        found = await asyncio.gather(*uses)
        await tools.close()
        return list(found)

    found = asyncio.run(story())
    assert {each.kind for each in found} == {"ok"}
    assert len({each.gives["status"] for each in found}) <= PROCESSES


@pytest.mark.parametrize(
    "start",
    [
        "subprocess.Popen(['sleep', '600']).pid",
        "(os.fork() or time.sleep(600))",
        "subprocess.Popen(['sleep', '600'], start_new_session=True).pid",
        "int(subprocess.run(['sh', '-c', 'setsid sleep 600 >/dev/null 2>&1 & echo $!'], stdout=-1).stdout)",
    ],
    ids=["child", "fork", "session", "daemon"],
)
@pytest.mark.parametrize("hangs", [False, True])
def test_what_a_tool_starts_ends_with_its_call(tmp_path: Path, start: str, hangs: bool) -> None:
    """A child, a fork that comes back into our code, a daemon in a session of its own; of calls that hang as well."""
    note = tmp_path / "pid"
    source = f"""
def f(number: str):
    if number == "first":
        return {{"status": "begun"}}
    open({str(note)!r}, "w").write(str({start}))
    {"time.sleep(600)" if hangs else "return {'status': 'sent'}"}
"""
    declared = tool(tmp_path, source)

    async def story() -> Outcome:
        tools = ProcessTools(tmp_path, os.environ)
        await tools.run(Use("f", {"number": "first"}), declared, "")  # a process takes its time to start
        found = await tools.run(Use("f", {"number": "1"}), replace(declared, within=4.0 if hangs else 60.0), "")
        await tools.close()
        return found

    assert asyncio.run(story()).kind == ("timeout" if hangs else "ok")
    started = int(note.read_text())
    state = Path(f"/proc/{started}/stat")
    assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_fork_that_answers_too_is_not_heard(tmp_path: Path) -> None:
    """Two processes return from the function; one of them counts."""
    source = "def f(number: str):\n if number == 'fork': os.fork()\n return {'status': number}"
    found = outcomes(tmp_path, tool(tmp_path, source), *[{"number": n} for n in ("fork", "1", "fork", "2")])
    assert [each.gives.get("status") for each in found] == ["fork", "1", "fork", "2"]


def test_what_a_tool_prints_is_no_answer_and_is_in_no_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Not even megabytes of it, which would fill a pipe that nobody reads."""
    source = """
def f(number: str):
    print('{"gives": {"status": "printed"}}', number * 200_000, flush=True)
    print(number, file=sys.stderr)
    return {"status": "sent"}
"""
    (found,) = outcomes(tmp_path, tool(tmp_path, source), {"number": "98765"})
    assert found.gives == {"status": "sent"}
    assert "98765" not in "".join(capfd.readouterr())


def test_a_tool_knows_the_secrets_it_names_and_no_other(tmp_path: Path) -> None:
    """Our environment is not its own."""
    source = "def f(number: str): return {'status': ' '.join(sorted(n for n in os.environ if 'TOKEN' in n))}"
    secrets = {"CRM_TOKEN": "s3cret", "OTHER_TOKEN": "s3cret"}
    (found,) = outcomes(tmp_path, tool(tmp_path, source, environment=("CRM_TOKEN",)), {"number": ""}, secrets=secrets)
    assert found.gives == {"status": "CRM_TOKEN"}
    (missing,) = outcomes(tmp_path, tool(tmp_path, source, environment=("CRM_TOKEN",)), {"number": ""})
    assert (missing.kind, missing.why) == ("refused", "CRM_TOKEN is not set")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("import no_such_module", f"ModuleNotFoundError: No module named 'no_such_module' (desk.py:{END})"),
        ("raise SystemExit(1)", f"SystemExit: 1 (desk.py:{END})"),
        ("os._exit(4)", "its process died (exit code 4)"),
    ],
)
def test_a_file_that_cannot_be_imported_is_refused_by_its_error(tmp_path: Path, body: str, why: str) -> None:
    """Not tried again at once: the second call is answered without another start."""
    starts = tmp_path / "starts"
    body = f"open({str(starts)!r}, 'a').write('x'); {body}"
    first, second = outcomes(tmp_path, tool(tmp_path, body, effect="writes"), {"number": ""}, {"number": ""})
    assert (first.kind, first.why) == ("refused", f"desk.py cannot be used: {why}")
    assert (second, starts.read_text()) == (replace(first, ms=second.ms), "x")


@pytest.mark.parametrize("name", ["system", "_hidden", "gone"])
def test_only_functions_written_in_the_file_are_run(tmp_path: Path, name: str) -> None:
    """Nothing that it imports, so that no agent's file turns a library into a tool."""
    declared = tool(tmp_path, "from os import system\ndef _hidden(number: str): return {'status': 'x'}")
    (found,) = outcomes(tmp_path, replace(declared, python=f"tools/desk.py:{name}"), {"number": "true"})
    assert found.kind == "refused"


def test_the_functions_of_the_example_do_what_its_agent_says() -> None:
    """Quoted, booked, and not on a Sunday."""
    folder = Path(__file__).parents[3] / "examples" / "python-tools"
    agent = load_agent(folder / "agent.toml")
    parcel = {"weight": "3", "speed": "express"}

    async def story() -> list[Outcome]:
        tools = ProcessTools(folder, dict(os.environ) | {"COURIERS_TOKEN": "s3cret"})
        await tools.prepare(agent.tools)
        uses = [Use("quote", parcel), *(Use("collect", parcel | {"day": f"2026-12-0{day}"}) for day in (4, 6))]
        found = [await tools.run(use, agent.tools[use.tool], "ab3-9") for use in uses]
        await tools.close()
        return found

    quoted, booked, sunday = asyncio.run(story())
    assert quoted.gives == {"price": "8.10"}
    assert booked.gives == {"reference": "C3AB3"}
    assert (sunday.kind, sunday.why) == ("failed", "closed")
