"""Where carriers ask about a warm transfer: what the colleague hears, which key they pressed, how their call stands."""

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from lineside.gateway.carriers.account import CarrierAccount, Webhook
from lineside.gateway.carriers.colleague_calls import ColleagueAccount
from lineside.gateway.line_requests import forbidden

Genuine = Callable[[web.Request], Awaitable[tuple[CarrierAccount | None, Webhook]]]
PATH = "/lines/{carrier:[a-z]+}/colleague/{name:[0-9a-f]{32}}"


class ColleagueWebhooks:
    """Routes of all carriers that can do it."""

    def __init__(self, carriers: Mapping[str, CarrierAccount], genuine: Genuine) -> None:
        """`genuine` says which carrier asks, if its signature says so."""
        self._carriers, self._genuine = carriers, genuine

    def add_routes(self, app: web.Application) -> None:
        """Theirs."""
        app.router.add_route("*", PATH + "/{what:answered|key|progress}", self._on_webhook)
        app.router.add_get(PATH + "/summary.wav", self._summary)

    async def _on_webhook(self, request: web.Request) -> web.Response:
        account, asked = await self._genuine(request)
        if not isinstance(account, ColleagueAccount):
            return forbidden()
        name, what = request.match_info["name"], request.match_info["what"]
        answer = await account.colleagues.on_webhook(name, what, asked, account.progress)
        return web.Response(text=answer.body, content_type=answer.content_type)

    async def _summary(self, request: web.Request) -> web.Response:
        """Carriers do not sign this; the name in the address cannot be guessed, and is good for one transfer."""
        account = self._carriers.get(request.match_info["carrier"])
        colleagues = account.colleagues if isinstance(account, ColleagueAccount) else None
        sound = colleagues.summary(request.match_info["name"]) if colleagues is not None else None
        if sound is None:
            return forbidden()
        return web.Response(body=sound, content_type="audio/wav", headers={"Cache-Control": "no-store"})
