"""Who may open a session, and which: keys, a browser's subprotocol, client secrets, an agent of ours."""

import asyncio
import time
from typing import Any

import aiohttp
import msgspec
import pytest

from tests.gateway.test_app import ServedGateway, with_served_gateway
from tests.realtime.fixtures import Client, with_session

KEYS = {"api_keys": ("right",)}


async def first(gateway: ServedGateway, **how: Any) -> Any:
    """The first event over a new socket."""
    async with gateway.http.ws_connect(f"{gateway.url}/v1/realtime", **how) as ws:
        assert ws.protocol == ("realtime" if "protocols" in how else None)
        return await asyncio.wait_for(ws.receive_json(), 60)


def test_a_wrong_key_is_refused_before_the_socket_opens() -> None:
    """401 in OpenAI's words; a right one opens it, in a header or among a browser's subprotocols."""

    async def story(gateway: ServedGateway) -> None:
        for wrong in ({}, {"headers": {"Authorization": "Bearer wrong"}}, {"protocols": ("realtime",)}):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await first(gateway, **wrong)
            assert refused.value.status == 401
        assert (await first(gateway, headers={"Authorization": "Bearer right"}))["type"] == "session.created"
        offered = ("realtime", "openai-insecure-api-key.right")
        assert (await first(gateway, protocols=offered))["type"] == "session.created"

    with_served_gateway(story, **KEYS)


def test_a_client_secret_opens_sessions_of_its_configuration() -> None:
    """A key mints it, for a browser; it cannot mint others, and opens nothing but sessions."""

    async def story(gateway: ServedGateway) -> None:
        address, key = f"{gateway.url}/v1/realtime/client_secrets", {"Authorization": "Bearer right"}
        session = {"type": "realtime", "instructions": "Sing.", "audio": {"output": {"voice": "cedar"}}}
        async with gateway.http.post(address, json={"session": session}, headers=key) as made:
            body = await made.json()
        assert body["session"]["instructions"] == "Sing."
        assert body["value"].startswith("ek_")
        created = await first(gateway, protocols=("realtime", f"openai-insecure-api-key.{body['value']}"))
        assert created["session"]["instructions"] == "Sing."
        assert created["session"]["audio"]["output"]["voice"] == "cedar"
        minted = {"Authorization": f"Bearer {body['value']}"}
        for path in ("/v1/realtime/client_secrets", "/v1/models", "/api/calls"):
            async with gateway.http.request(
                "POST" if "secrets" in path else "GET", f"{gateway.url}{path}", headers=minted
            ) as no:
                assert no.status == 401, path
        wrong = {"session": {"type": "realtime", "output_modalities": ["smell"]}}
        async with gateway.http.post(address, json=wrong, headers=key) as refused:
            assert (refused.status, (await refused.json())["error"]["param"]) == (400, "session.output_modalities[0]")

    with_served_gateway(story, **KEYS)


def test_the_beta_shape_is_refused_and_a_full_house_says_when_to_come_again() -> None:
    """Both before the socket opens."""

    async def story(gateway: ServedGateway) -> None:
        with pytest.raises(aiohttp.WSServerHandshakeError) as beta:
            await first(gateway, headers={"OpenAI-Beta": "realtime=v1"})
        assert beta.value.status == 400
        async with gateway.http.ws_connect(f"{gateway.url}/v1/realtime") as ws:
            await ws.receive_json()
            with pytest.raises(aiohttp.WSServerHandshakeError) as full:
                await first(gateway)
            assert full.value.status == 503
            assert full.value.headers is not None
            assert full.value.headers["Retry-After"]

    with_served_gateway(story, max_concurrent_calls=1)


def test_an_agent_of_ours_answers_what_is_typed_to_it() -> None:
    """`model=agent:…`: its own prompt, and neither the session's instructions nor its tools."""

    async def story(client: Client) -> None:
        await client.update(instructions="Sing.")
        await client.type("When do you open?")
        done = await client.answered()
        assert done["output"][0]["content"][0]["transcript"] == "At nine."
        assert "You answer." in client.llm.asked[-1][0].content
        assert "Sing." not in client.llm.asked[-1][0].content

    with_session(story, model="agent:test", answers=("At nine.",))


def test_a_response_beside_the_conversation_leaves_no_item() -> None:
    """It has its own input, and its sound comes at once."""

    async def story(client: Client) -> None:
        words = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Sum up."}]}]
        done = await client.answered(conversation="none", input=words, metadata={"topic": "sum"})
        assert done["conversation_id"] is None
        assert done["output"][0]["content"][0]["transcript"] == "It was short."
        assert not [event for event in client.events if event["type"].startswith("conversation.")]
        assert [message.content for message in client.llm.asked[-1][1:]] == ["Sum up."]

    with_session(story, answers=("It was short.",))


def test_a_cancelled_response_says_so_and_the_next_one_begins() -> None:
    """`client_cancelled`; a second cancel finds none."""

    async def story(client: Client) -> None:
        await client.send("response.create")
        await client.until("response.output_audio.delta")
        await client.send("response.cancel")
        done = (await client.until("response.done"))["response"]
        assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
        await client.send("response.cancel")
        assert (await client.until("error"))["error"]["code"] == "response_cancel_not_active"
        assert (await client.answered(output_modalities=["text"]))["status"] == "completed"

    with_session(story, answers=("One two three four five six seven eight nine ten.", "Yes."))


def test_a_client_secret_opens_many_sessions_until_it_expires() -> None:
    """One after the other and at once; after its seconds it opens none, and a session that goes on goes on."""

    async def story(gateway: ServedGateway) -> None:
        address, key = f"{gateway.url}/v1/realtime/client_secrets", {"Authorization": "Bearer right"}
        asked = {"expires_after": {"anchor": "created_at", "seconds": 10}}
        before = time.time()
        async with gateway.http.post(address, json=asked, headers=key) as made:
            body = await made.json()
        assert before + 8 < body["expires_at"] <= time.time() + 10
        secret = {"Authorization": f"Bearer {body['value']}"}
        assert (await first(gateway, headers=secret))["type"] == "session.created"
        async with gateway.http.ws_connect(f"{gateway.url}/v1/realtime", headers=secret) as ws:
            await ws.receive_json()
            assert (await first(gateway, headers=secret))["type"] == "session.created", "a second one beside it"
            secrets = gateway.gateway._access.secrets
            known = secrets._known[body["value"]]
            secrets._known[body["value"]] = msgspec.structs.replace(known, expires_at=time.time() - 1)
            with pytest.raises(aiohttp.WSServerHandshakeError) as late:
                await first(gateway, headers=secret)
            assert late.value.status == 401
            await ws.send_json({"type": "session.update", "session": {"type": "realtime"}})
            assert (await ws.receive_json())["type"] == "session.updated"

    with_served_gateway(story, **KEYS)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"expires_after": {"anchor": "created_at", "seconds": 9}}, "expires_after.seconds"),
        ({"expires_after": {"anchor": "created_at", "seconds": 7201}}, "expires_after.seconds"),
        ({"expires_after": {"anchor": "yesterday", "seconds": 60}}, "expires_after.anchor"),
        ({"session": "none"}, "session"),
        ({"session": {"type": "opera"}}, "session.type"),
    ],
)
def test_a_secret_that_cannot_be_is_refused_by_name(body: dict[str, Any], param: str) -> None:
    """400 with the field; nothing is minted."""

    async def story(gateway: ServedGateway) -> None:
        headers = {"Authorization": "Bearer right"}
        async with gateway.http.post(f"{gateway.url}/v1/realtime/client_secrets", json=body, headers=headers) as no:
            assert (no.status, (await no.json())["error"]["param"]) == (400, param)
        assert not gateway.gateway._access.secrets._known

    with_served_gateway(story, **KEYS)
