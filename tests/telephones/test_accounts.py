"""Accounts of ours at registrars, over real sockets of this machine: registered, refused, tried again, taken back."""

import asyncio

import pytest

from lineside.sip import accounts as sip_accounts
from lineside.sip.accounts import keep_registered, read_account
from lineside.sip.flow import Flow
from lineside.testclient.sip_phone import sip_phone
from tests.gateway.test_sip_line import line
from tests.patience import PATIENCE


def test_an_account_is_read_and_a_wrong_one_is_refused_without_its_password() -> None:
    """Transport and port have defaults; `%40` is an @."""
    account = read_account("sip:700:s3%40cret@pbx.example.com;transport=tcp")
    assert (account.user, account.password, account.host, account.port, account.transport) == (
        "700", "s3@cret", "pbx.example.com", 5060, "TCP",
    )  # fmt: skip
    assert read_account("sips:7:x@[2001:db8::1]").port == 5061
    assert read_account("sip:7:x@10.0.0.5:5080").uri == "sip:7@10.0.0.5"
    for wrong in ("700:secret@pbx", "sip:700@pbx", "sip:700:secret@pbx;transport=ws", ""):
        with pytest.raises(ValueError, match="an account is") as refused:
            read_account(wrong)
        assert "secret" not in str(refused.value)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_an_account_registers_with_its_password_and_is_taken_back(
    transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a registrar that asks for the password; at the end it is registered no more."""
    registered = asyncio.Event()

    async def stays(*given: object) -> None:
        registered.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(sip_accounts, "_stay", stays)

    async def story() -> None:
        known = {"sip_trusted": (), "sip_allowed": ("127.0.0.1",), "sip_users": ("700:s3cret",)}
        async with line(**known) as registrar, sip_phone() as phone:
            account = read_account(f"sip:700:s3cret@127.0.0.1:{registrar.line.endpoint.port};transport={transport}")
            seen: list[Flow] = []
            registering = asyncio.create_task(
                keep_registered(phone.endpoint, account, lambda flow, known: seen.append(flow))
            )
            counts = registrar.line.endpoint.agent.counts
            await registrar.until("both REGISTERs have come", lambda: counts.requests == 2)
            await asyncio.wait_for(registered.wait(), PATIENCE)
            registering.cancel()
            await asyncio.wait([registering])
            assert counts.requests in (3, 4), (
                "it is taken back, with a password that is still good or is asked for again"
            )
            assert counts.unauthorized == 0
            assert seen[0].transport == transport.upper()

    asyncio.run(story())


def test_a_registrar_that_is_not_there_harms_nobody() -> None:
    """Neither a refused connection nor a name that does not exist ends the task; at the end nothing is waited for."""

    async def story() -> None:
        async with sip_phone() as phone:
            accounts = [read_account(f"sip:7:x@{where}") for where in ("127.0.0.1:9;transport=tcp", "nowhere.invalid")]
            tasks = [asyncio.create_task(keep_registered(phone.endpoint, one, lambda *seen: None)) for one in accounts]
            await asyncio.sleep(0.5)
            assert not any(task.done() for task in tasks)
            for task in tasks:
                task.cancel()
            async with asyncio.timeout(60):
                await asyncio.wait(tasks)
            assert all(task.cancelled() for task in tasks)

    asyncio.run(story())
