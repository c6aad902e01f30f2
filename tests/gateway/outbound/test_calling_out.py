"""Calls that lineside makes, from the request to the outcome: over SIP to a telephone of this machine."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from lineside.gateway.sip_dialer import SipDialer
from lineside.gateway.sip_line import SipLine
from tests.call.fixtures import settings
from tests.gateway.sip_callee import Does, SipCallee, sip_callee
from tests.gateway.test_app import ServedGateway, opened
from tests.patience import PATIENCE, until

QUIET, LOUD = b"\xff" * 160, b"\x10\x90" * 80


class Outbound:
    """A gateway that may call one telephone."""

    def __init__(self, served: ServedGateway, callee: SipCallee, line: SipLine, given: dict[str, Any]) -> None:
        self.served, self.callee, self.line, self.given = served, callee, line, given
        self.webhooks: list[tuple[str, dict[str, Any]]] = []

    async def place(self, to: str = "", **more: Any) -> tuple[int, dict[str, Any]]:
        body = {"to": to or self.callee.uri, "consent": "form 7", "timezone": "UTC"} | more
        async with self.served.http.post(f"{self.served.url}/api/calls", json=body) as answer:
            return answer.status, await answer.json()

    async def end(self, call: str) -> int:
        async with self.served.http.post(f"{self.served.url}/api/calls/{call}/end") as answer:
            return answer.status

    async def get(self, call: str) -> dict[str, Any]:
        async with self.served.http.get(f"{self.served.url}/api/calls/outbound/{call}") as answer:
            found: dict[str, Any] = await answer.json()
            return found

    async def until(self, call: str, seconds: float = PATIENCE, **wanted: Any) -> dict[str, Any]:
        """Wait for a state, and answer how the call stands."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    now = await self.get(call)
                    if all(now[name] == value for name, value in wanted.items()):
                        return now
                    await asyncio.sleep(0.02)
        except TimeoutError:
            pytest.fail(f"not within {seconds} s: {wanted}; it is {now}")


@asynccontextmanager
async def outbound(
    tmp_path: Path, does: Does = "answer", says: bytes = QUIET, password: str = "", **given: Any
) -> AsyncGenerator[Outbound, None]:
    async with AsyncExitStack() as stack:
        callee = await stack.enter_async_context(sip_callee(does, says, password))
        port = callee.endpoint.port
        allowed = (f"sip:*@127.0.0.1:{port}", "+1555*")
        chosen = {
            "sip": True, "sip_port": 0, "sip_rtp_ports": "30000-31999", "data_dir": tmp_path,
            "outbound_allowed": allowed, "outbound_hours": ("mon-sun 0:00-24:00",),
            "sip_trunk": f"sip:127.0.0.1:{port}", "outbound_caller_id": "+15550199",
        } | given  # fmt: skip
        served = await stack.enter_async_context(opened(**chosen))
        line = SipLine(settings(**chosen), served.gateway.lines, served.gateway.telephones.tickets)
        await stack.enter_async_context(line.opened())
        served.gateway.outbound.add_line(SipDialer(line))
        yield Outbound(served, callee, line, chosen)
        async with asyncio.timeout(60):
            while served.gateway.calls:  # noqa: ASYNC110 - what is waited for is in other objects
                await asyncio.sleep(0.01)
        assert line.endpoint.agent.sizes["sessions"] == 0


def test_somebody_is_called_and_talked_to(tmp_path: Path) -> None:
    """They ring, answer, are heard and hear; the list of calls has it; they hang up, and the outcome says so."""

    async def story() -> None:
        async with outbound(tmp_path, says=QUIET * 10 + LOUD * 40 + QUIET * 150) as one:
            status, made = await one.place(
                to="+15550100",
                reference="case 9",
                context={"name": "Ms Jones"},
                greeting="Hello {name}, this is a test.",
            )
            assert (status, made["state"], made["reference"]) == (200, "dialling", "case 9")
            await one.until(made["id"], state="talking")
            (active,) = one.served.gateway.call_registry.list()
            assert (active.direction, active.caller, active.called) == ("outbound", "+15550199", "+15550100")
            invite = one.callee.invites[0]
            assert invite.uri.startswith("sip:+15550100@127.0.0.1")
            assert "+15550199" in invite.get("From")
            await until(lambda: len(set(one.callee.calls[0].heard)) > 4)
            one.callee.hang_up()
            over = await one.until(made["id"], state="over")
            assert (over["reason"], over["outcome"].startswith("answered")) == ("caller_hung_up", True)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("does", "outcome"), [("busy", "busy"), ("refuse", "rejected"), ("unknown", "invalid"), ("gone", "no_answer")]
)
def test_what_a_telephone_answers_is_the_outcome(tmp_path: Path, does: Does, outcome: str) -> None:
    """In words of ours, with its own beside them."""

    async def story() -> None:
        async with outbound(tmp_path, does) as one:
            _, made = await one.place()
            over = await one.until(made["id"], state="over")
            assert (over["outcome"], over["reason"]) == (outcome, None)
            assert over["detail"][:3].isdigit()

    asyncio.run(story())


def test_a_telephone_that_rings_on_is_given_up(tmp_path: Path) -> None:
    """By whoever asked for the call: CANCEL, and the slot is free."""

    async def story() -> None:
        async with outbound(tmp_path, "ring") as one:
            _, made = await one.place()
            await one.until(made["id"], state="ringing")
            (active,) = one.served.gateway.call_registry.list()
            assert active.state == "dialling"
            assert await one.end(made["id"]) == 200
            over = await one.until(made["id"], state="over")
            assert over["outcome"] == "cancelled"
            await until(lambda: one.callee.cancelled == 1)

    asyncio.run(story())


def test_a_trunk_asks_for_a_password_and_gets_it(tmp_path: Path) -> None:
    """By the account of SIP_ACCOUNTS; without one the call fails."""

    async def story() -> None:
        async with outbound(tmp_path, "busy", password="secret-7", sip_trunk="") as one:  # noqa: S106
            port = one.callee.endpoint.port
            given = one.given | {"sip_accounts": (f"sip:desk:secret-7@127.0.0.1:{port}",)}
            line = SipLine(settings(**given), one.served.gateway.lines, one.served.gateway.telephones.tickets)
            async with line.opened():
                one.served.gateway.outbound.add_line(SipDialer(line))
                _, made = await one.place(to="+15550100")
                assert (await one.until(made["id"], state="over"))["outcome"] == "busy"
                assert "desk@127.0.0.1" in one.callee.invites[-1].get("From")

    asyncio.run(story())


def test_a_request_that_comes_twice_makes_one_call(tmp_path: Path) -> None:
    """With the same key; another request with that key is refused. Without keys there are two calls."""

    async def story() -> None:
        async with outbound(tmp_path, "busy") as one:
            first = await one.place(idempotency_key="a")
            second = await one.place(idempotency_key="a")
            assert first[1]["id"] == second[1]["id"]
            status, other = await one.place(idempotency_key="a", reference="x")
            assert (status, other["error"]["code"]) == (409, "key_used")
            await one.until(first[1]["id"], state="over")
            assert len(one.callee.invites) == 1
            await one.until((await one.place())[1]["id"], state="over")
            assert len(one.callee.invites) == 2

    asyncio.run(story())


@pytest.mark.parametrize(
    ("given", "more", "status", "code"),
    [
        ({}, {"to": "911"}, 409, "bad_number"),
        ({}, {"to": "+19005550100"}, 409, "bad_number"),
        ({}, {"to": "+442012345678"}, 409, "not_allowed"),
        ({}, {"consent": ""}, 409, "consent"),
        ({}, {"timezone": ""}, 409, "timezone"),
        ({}, {"line": "telnyx"}, 409, "no_line"),
        ({"outbound_hours": ("2001-01-01 9:00-10:00",)}, {}, 409, "hours"),
        ({"outbound_allowed": ()}, {}, 409, "not_allowed"),
        ({}, {"greeting": "Hello {name}"}, 409, "not_made"),
        ({}, {"ring_seconds": 1}, 400, "bad_body"),
    ],
)
def test_a_call_that_may_not_be_made_is_not(
    tmp_path: Path, given: dict[str, Any], more: dict[str, Any], status: int, code: str
) -> None:
    """Nothing is dialled, the answer names the gate, and it is counted."""

    async def story() -> None:
        async with outbound(tmp_path, **given) as one:
            got, answer = await one.place(**more)
            assert (got, answer["error"]["code"]) == (status, code) or status == 400 == got
            assert one.callee.invites == []
            assert one.served.gateway.calls == 0

    asyncio.run(story())


def test_who_does_not_want_to_be_called_is_not_called_again(tmp_path: Path) -> None:
    """From the moment that they say so; the list is a file."""

    async def story() -> None:
        async with outbound(tmp_path, "busy") as one:
            url = f"{one.served.url}/api/do-not-call"
            async with one.served.http.post(url, json={"number": "+1 555 0100"}) as answer:
                assert (answer.status, (await answer.json())["added"]) == (200, True)
            status, blocked = await one.place(to="+15550100")
            assert (status, blocked["error"]["code"]) == (409, "do_not_call")
            assert "+15550100" in (tmp_path / "do-not-call.txt").read_text()

    asyncio.run(story())


def test_no_more_calls_are_made_than_the_caps_allow(tmp_path: Path) -> None:
    """One at once, then two a minute: the answer says when to ask again. A full gateway makes none."""

    async def story() -> None:
        async with outbound(tmp_path, "ring", outbound_at_once=1, outbound_per_minute=2) as one:
            _, made = await one.place()
            status, blocked = await one.place()
            assert (status, blocked["error"]["code"]) == (429, "at_once")
            await one.end(made["id"])
            await one.until(made["id"], state="over")
            _, again = await one.place()
            await one.end(again["id"])
            await one.until(again["id"], state="over")
            status, blocked = await one.place()
            assert (status, blocked["error"]["code"]) == (429, "per_minute")
        async with outbound(tmp_path / "full", max_concurrent_calls=1) as one:
            handle = one.served.gateway.call_registry.admit()
            status, blocked = await one.place()
            assert (status, blocked["error"]["code"]) == (429, "full")
            one.served.gateway.call_registry.free(handle)

    asyncio.run(story())


def test_with_masked_numbers_nobody_is_shown_a_number(tmp_path: Path) -> None:
    """The list of calls, the API's answers, webhooks, metrics and all files; the telephone is called all the same."""

    async def story() -> None:
        told: list[Any] = []
        async with outbound(tmp_path, mask_numbers=True, says=QUIET * 200) as one:
            one.served.gateway.outbound._tell = lambda event, data: told.append(data)
            _, made = await one.place(to="+15550100", idempotency_key="k")
            await one.until(made["id"], state="talking")
            assert one.callee.invites[0].uri.startswith("sip:+15550100@")
            await until(one.served.gateway.call_registry.list)
            (active,) = one.served.gateway.call_registry.list()
            assert (active.caller, active.called) == ("…0199", "…0100")
            shown = [str(made), str(active), one.served.gateway._meters.text().decode()]
            one.callee.hang_up()
            shown.append(str(await one.until(made["id"], state="over")))
            shown.append(str(await one.place(to="+15550100", idempotency_key="k")))
        files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]  # noqa: ASYNC240
        assert told
        assert not [text for text in [*shown, str(told)] if "5550100" in text or "5550199" in text]
        assert not [data for data in files if b"5550100" in data]

    asyncio.run(story())
