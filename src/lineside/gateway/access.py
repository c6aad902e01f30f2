"""Around every request: who asks, by which proxy, and whether they may enter."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from lineside.gateway.auth import TOKEN_SECONDS, Auth, key_of
from lineside.gateway.base_path import path_below
from lineside.gateway.client_secrets import ClientSecrets
from lineside.gateway.forwarded import TrustedProxies
from lineside.http_front import error_response
from lineside.openai_api.errors import key_needed
from lineside.realtime.opening import key_offered
from lineside.settings import Settings

# They tell nothing of this gateway. A link of a browser carries no key, so nobody with one could open the documents.
OPEN_TO_ALL = ("/health", "/ready", "/docs", "/openapi.json")
CALLS = "/v1/realtime/calls"
RTC_CALL = "/rtc/call"
CLIENT = web.RequestKey("client", str)  # the address of whoever asks


class AccessGuard:
    """Who may enter one gateway."""

    def __init__(self, settings: Settings, opens_by_itself: Callable[[str], bool] = lambda path: False) -> None:
        """`opens_by_itself`: whether a path checks who asks itself, by a signature or a ticket, and needs no key."""
        self._opens_by_itself = opens_by_itself
        self._auth, self._proxies = Auth(settings), TrustedProxies(settings.trusted_proxies)
        self._base = settings.base_path
        self.secrets = ClientSecrets()

    @web.middleware
    async def guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Let in pages of our own and programs with a key, and nobody else."""
        asked = self._proxies.asked(request.remote or "", request.host, request.headers)
        request[CLIENT] = asked.address
        path = path_below(request.path, self._base)
        if self._opens_by_itself(path):
            return await handler(request)
        page = path in ("/", self._base) or path.startswith("/web/")
        origin = None if page else request.headers.get("Origin")  # else a page that may not call could not say why
        if refusal := self._auth.refuses_origin(origin, asked.host, by_proxy=asked.trusted):
            return error_response(403, "origin_not_allowed", refusal)
        if not (page or path in OPEN_TO_ALL) and not self._knows(request, path):
            needed = error_response(401, "key_needed", "give a key of API_KEYS as 'Authorization: Bearer KEY'")
            refused = key_needed() if path.startswith("/v1/") else needed
            refused.headers["WWW-Authenticate"] = "Bearer"
            return refused
        return await handler(request)

    async def token(self, request: web.Request) -> web.Response:
        """A short-lived token for a browser's socket."""
        token = self._auth.token(time.time(), self._auth.holder(key_of(request.headers)))
        return web.json_response({"token": token, "seconds": TOKEN_SECONDS})

    def holder(self, request: web.Request) -> str:
        """Whose key, or token, opened the door."""
        key = _key(request)
        if self._auth.has_key(key):
            return self._auth.holder(key)
        if (secret := self.secrets.find(key, time.time())) is not None:
            return secret.holder
        return self._auth.token_holder(request.query.get("token"))

    def holders(self) -> list[str]:
        """The names of all holders of keys; the same in all gateways with these keys."""
        return self._auth.holders()

    def secret_session(self, request: web.Request, now: float) -> dict[str, Any] | None:
        """The session that the client secret of this request was made for; None: it came with a key."""
        found = self.secrets.find(_key(request), now)
        return None if found is None else found.session

    def _knows(self, request: web.Request, path: str) -> bool:
        if self._auth.has_key(_key(request)):
            return True
        if request.method == "OPTIONS" and (path.startswith(CALLS) or path == RTC_CALL):
            return True  # a browser asks without its key
        if _opens_with_secret(path) and self.secrets.find(_key(request), time.time()) is not None:
            return True
        calls = path in ("/ws/call", RTC_CALL) or path.startswith("/ws/call/")
        return calls and self._auth.has_token(request.query.get("token"), time.time())


def _opens_with_secret(path: str) -> bool:
    return path in ("/v1/realtime", CALLS) or (path.startswith(f"{CALLS}/") and path.endswith("/hangup"))


def _key(request: web.Request) -> str | None:
    """The key in a header, or among the subprotocols of a browser's socket."""
    return key_of(request.headers) or key_offered(request.headers.get("Sec-WebSocket-Protocol"))


def client_of(request: web.Request) -> str:
    """The address of whoever asks, as a trusted proxy tells it; empty: not known."""
    return str(request.get(CLIENT, ""))
