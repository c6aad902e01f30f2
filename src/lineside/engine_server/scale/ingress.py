"""What is asked of the engine plane as a whole, and what one role has beside its main route."""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import msgspec

from lineside.engine_server.launch import SECRET
from lineside.engine_server.middleware import Access
from lineside.engine_server.openai_schema import LoadRequest, RequestRefused, error
from lineside.engine_server.scale.plan import EngineRole
from lineside.engine_server.scale.replica import AnswerHead, streamed
from lineside.engine_server.scale.request_body import body_of, refused

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

OF_LLM = ("/v1/may_end", "/v1/warm")
FIXED = "replicas load what engines.toml names: change it, and deploy it again"
ASKED_WITHIN = 10.0  # seconds for a role to say how it is


class EngineIngress:
    """A deployment's class; it reaches the roles by the names of their applications."""

    def __init__(self, roles: Mapping[EngineRole, str]) -> None:
        self._roles = dict(roles)
        self._access = Access(os.environ.get(SECRET, ""))

    async def __call__(self, request: "Request") -> "Response":
        """Whatever no role has a route of its own for."""
        try:
            body = await body_of(request, self._access)
            return await self._routed(request.method, request.url.path, dict(request.headers), body)
        except RequestRefused as no:
            return refused(no)

    async def _routed(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> "Response":
        if path in OF_LLM and "llm" in self._roles:
            return await streamed(self._answer("llm", method, path, headers, body))
        if path == "/health":
            return await self._health(headers)
        if path == "/v1/models":
            return await self._models(headers)
        if path == "/v1/models/load":
            return await self._load(body, headers)
        if path == "/v1/models/unload":
            raise RequestRefused(409, FIXED)
        raise RequestRefused(404, f"the engines deployed here have no {path}")

    async def _answer(
        self, role: EngineRole, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> AsyncGenerator[AnswerHead | bytes, None]:
        from ray import serve

        # Looked up each time: an application that is deployed again has other replicas.
        handle = serve.get_app_handle(self._roles[role]).options(method_name="answer", stream=True)
        async for piece in handle.remote(method, path, headers, body):
            yield piece

    async def _health(self, headers: Mapping[str, str]) -> "Response":
        """200 when each role has a replica that is ready."""
        answers = await self._ask_all("/health", headers)
        loading = sorted(role for role, (status, _) in answers.items() if status != 200)
        models: dict[str, str] = {}
        for _, told in answers.values():
            models |= told.get("models", {})
        state = {"status": "loading" if loading else "ok", "loading": loading, "models": models}
        return _json(503 if loading else 200, state)

    async def _models(self, headers: Mapping[str, str]) -> "Response":
        """Those of all roles; each replica knows what it has loaded."""
        entries, presets = [], {}
        for role, (status, told) in (await self._ask_all("/v1/models", headers)).items():
            if status != 200:
                return _json(status, told)
            entries += [entry for entry in told["data"] if entry["role"] == role]
            presets = told["presets"]
        return _json(200, {"object": "list", "data": entries, "presets": presets})

    async def _load(self, body: bytes, headers: Mapping[str, str]) -> "Response":
        """Nothing is to be done for a model that replicas have, and no other one can be had."""
        try:
            wanted = msgspec.json.decode(body, type=LoadRequest).model
        except msgspec.DecodeError as no:
            raise RequestRefused(400, str(no)) from None
        for status, told in (await self._ask_all("/v1/models", headers)).values():
            if status != 200:
                return _json(status, told)
            for entry in told["data"]:
                if entry["id"] == wanted and entry["loaded"]:
                    return _json(200, entry)
        raise RequestRefused(409, FIXED)

    async def _ask_all(self, path: str, headers: Mapping[str, str]) -> dict[EngineRole, tuple[int, dict[str, Any]]]:
        roles = list(self._roles)
        told = await asyncio.gather(*(self._ask(role, path, headers) for role in roles))
        return dict(zip(roles, told, strict=True))

    async def _ask(self, role: EngineRole, path: str, headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """Of any replica of it. One that does not answer is loading."""
        head, body = AnswerHead(503, {}), b""
        try:
            async with asyncio.timeout(ASKED_WITHIN), aclosing(self._answer(role, "GET", path, headers, b"")) as answer:
                async for piece in answer:
                    if isinstance(piece, AnswerHead):
                        head = piece
                    else:
                        body += piece
        except TimeoutError:
            return 503, error("server_error", f"no replica of {role} answers; see: serve status")
        return head.status, json.loads(body)


def _json(status: int, value: object) -> "Response":
    from starlette.responses import JSONResponse

    return JSONResponse(value, status)
