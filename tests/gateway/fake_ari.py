"""Asterisk's REST interface, as far as lineside uses it: channels, bridges, a dialplan; every request as documented.

It counts: what is left of channels and bridges at the end is a leak. The media socket of a call is `StreamRig`'s.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from lineside.ari.connection import Ari

APP = "lineside"


class FakeChannel:
    """One channel."""

    def __init__(self, name: str, number: str = "", exten: str = "") -> None:
        self.id, self.number, self.exten = name, number, exten
        self.state, self.in_app = "Ring", False
        self.variables: dict[str, str] = {}
        self.went_on = ""  # where in the dialplan, once it has left the application

    def told(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": f"PJSIP/desk-{self.id}",
            "state": self.state,
            "protocol_id": "1-1339012@127.0.0.2",
            "caller": {"name": "", "number": self.number},
            "connected": {"name": "", "number": ""},
            "accountcode": "",
            "dialplan": {"context": "default", "exten": self.exten, "priority": 2, "app_name": "Stasis"},
            "creationtime": "2026-03-12T15:22:59.225-0600",
            "language": "en_US",
        }


class Refused(Exception):
    """A status that is no success."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


class FakeAsterisk:
    """One Asterisk. `connect` it to an `Ari`, then let channels come."""

    def __init__(self) -> None:
        self.channels: dict[str, FakeChannel] = {}
        self.bridges: dict[str, list[str]] = {}
        self.music: set[str] = set()
        self.dialplan = {("people", "support"), ("lineside-join", "s")}
        self.asked: list[str] = []  # method and path of each request
        self.open_media: Callable[[str], None] = lambda ticket: None
        self.on_originate: Callable[[FakeChannel], None] = lambda channel: None
        self.pressed = ""
        self.fails: dict[str, int] = {}  # path's end → status
        self._ari: Ari | None = None

    def connect(self, ari: Ari) -> None:
        """Its WebSocket is there."""
        self._ari = ari
        ari.connect(self._request)

    def break_connection(self) -> None:
        """Its WebSocket is gone; channels and bridges stay."""
        ari, self._ari = self._ari, None
        if ari is not None:
            ari.disconnect()

    def event(self, kind: str, channel: FakeChannel, **more: Any) -> None:
        """Tell, if anybody listens."""
        if self._ari is not None:
            told = {
                "type": kind,
                "timestamp": "2026-03-12T15:22:59.227-0600",
                "asterisk_id": "e4:1d",
                "application": APP,
            }
            self._ari.received(json.dumps(told | {"channel": channel.told()} | more))

    # ── what happens at the telephones ─────────────────────────────────────────────────────────────────────────────

    def calls(self, name: str = "1733000000.1", number: str = "+15550100", exten: str = "100") -> FakeChannel:
        """A caller reaches `Stasis(lineside,EXTEN)`."""
        channel = self.channels[name] = FakeChannel(name, number, exten)
        channel.in_app = True
        self.event("StasisStart", channel, args=[exten])
        return channel

    def picks_up(self, name: str) -> None:
        """A telephone that we called is answered."""
        channel = self.channels[name]
        channel.state, channel.in_app = "Up", True
        self.event("ChannelStateChange", channel)
        self.event("StasisStart", channel, args=[])

    def rings(self, name: str) -> None:
        """A telephone that we called rings."""
        self.channels[name].state = "Ringing"
        self.event("ChannelStateChange", self.channels[name])

    def presses(self, name: str, key: str) -> None:
        """A key at a telephone."""
        self.event("ChannelDtmfReceived", self.channels[name], digit=key, duration_ms=120)

    def hangs_up(self, name: str, cause: int = 16) -> None:
        """A channel is gone."""
        channel = self.channels.pop(name, None)
        if channel is None:
            return
        for members in self.bridges.values():
            if name in members:
                members.remove(name)
        if channel.in_app:
            channel.in_app = False
            self.event("StasisEnd", channel)
        self.event("ChannelDestroyed", channel, cause=cause, cause_txt="Normal Clearing")

    def named(self, end: str) -> FakeChannel | None:
        """The channel whose id ends so."""
        return next((channel for name, channel in self.channels.items() if name.endswith(end)), None)

    @property
    def ours(self) -> list[str]:
        """Channels and bridges that lineside made."""
        return [name for name in (*self.channels, *self.bridges) if name.startswith(f"{APP}.")]

    # ── requests ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _request(self, text: str) -> None:
        asked = json.loads(text)
        assert asked.pop("type") == "RESTRequest"
        url = urlsplit(asked["uri"])
        parts = [unquote(part) for part in url.path.split("/")]
        query = dict(parse_qsl(url.query, keep_blank_values=True, strict_parsing=bool(url.query)))
        if body := asked.get("message_body"):
            assert asked["content_type"] == "application/json"
            query["_body"] = body
        self.asked.append(f"{asked['method']} {url.path}")
        asyncio.get_running_loop().call_later(0.001, self._answer, asked["request_id"], asked["method"], parts, query)

    def _answer(self, number: str, method: str, parts: list[str], query: dict[str, str]) -> None:
        if self._ari is None:
            return
        said: object = None
        try:
            if (status := self.fails.get(parts[-1])) is not None:
                raise Refused(status, "as the test wants it")
            said, status, why = self._do(method, parts, query), 200, "OK"
        except Refused as no:
            status, why = no.status, no.why
        told = {"type": "RESTResponse", "transaction_id": "", "request_id": number, "status_code": status}
        told |= {"reason_phrase": why, "uri": "/".join(parts), "headers": [], "application": APP}
        self._ari.received(json.dumps(told | {"message_body": json.dumps(said) if said is not None else ""}))

    def _do(self, method: str, parts: list[str], query: dict[str, str]) -> object:
        match method, parts:
            case "GET", ["channels"]:
                return [channel.told() for channel in self.channels.values()]
            case "GET", ["bridges"]:
                return [{"id": name, "channels": members} for name, members in self.bridges.items()]
            case "GET", ["applications", app]:
                assert app == APP
                return {"name": app, "channel_ids": [name for name, one in self.channels.items() if one.in_app]}
            case "POST", ["channels", "externalMedia"]:
                return self._external_media(query)
            case "POST", ["channels", name]:
                return self._originate(name, query)
            case "DELETE", ["channels", name]:
                self._channel(name)
                self.hangs_up(name)
                return None
            case _, ["channels", name, *what]:
                return self._with_channel(method, self._channel(name), what, query)
            case "POST", ["bridges", name]:
                assert query["type"] == "mixing"
                self.bridges[name] = []
                return {"id": name}
            case _, ["bridges", name, *what]:
                if name not in self.bridges:
                    raise Refused(404, "Bridge not found")
                return self._with_bridge(method, name, what, query)
        raise AssertionError((method, parts))

    def _channel(self, name: str) -> FakeChannel:
        if name not in self.channels:
            raise Refused(404, "Channel not found")
        return self.channels[name]

    def _with_channel(self, method: str, channel: FakeChannel, what: list[str], query: dict[str, str]) -> object:
        match method, what:
            case "POST", ["variable"]:
                channel.variables[query["variable"]] = query.get("value", "")
                return None
            case "GET", ["variable"]:
                name = query["variable"]
                if name.startswith("DIALPLAN_EXISTS("):
                    context, exten, _ = name.removeprefix("DIALPLAN_EXISTS(").split(",")
                    return {"value": "1" if (context, exten) in self.dialplan else "0"}
                if name not in channel.variables:
                    raise Refused(404, "Variable not found")
                return {"value": channel.variables[name]}
        if not channel.in_app:
            raise Refused(409, "Channel not in a Stasis application")
        match method, what:
            case "POST", ["ring"]:
                return None
            case "POST", ["answer"]:
                channel.state = "Up"
                return None
            case "POST", ["dtmf"]:
                self.pressed += query["dtmf"]
                return None
            case "POST", ["continue"]:
                self._leaves(channel, f"{query['context']},{query['extension']}" if "context" in query else "next")
                return None
        raise AssertionError((method, what))

    def _leaves(self, channel: FakeChannel, where: str) -> None:
        channel.went_on, channel.in_app = where, False
        for members in self.bridges.values():
            if channel.id in members:
                members.remove(channel.id)
        self.event("StasisEnd", channel)
        if where == "lineside-join,s":  # Bridge(): the colleague is pulled out of the application, under another name
            taken = channel.variables["LINESIDE_COLLEAGUE"].removeprefix("PJSIP/desk-")
            if taken in self.channels:
                self.hangs_up(taken)
                self.channels["joined"] = FakeChannel("joined")

    def _with_bridge(self, method: str, name: str, what: list[str], query: dict[str, str]) -> object:
        members = self.bridges[name]
        match method, what:
            case "DELETE", []:
                del self.bridges[name]
            case "POST", ["addChannel"]:
                for one in query["channel"].split(","):
                    channel = self.channels.get(one)
                    if channel is None:
                        raise Refused(400, "Channel not found")
                    if not channel.in_app:
                        raise Refused(409, "Channel not in Stasis application")
                    for others in self.bridges.values():
                        if one in others:
                            others.remove(one)
                    members.append(one)
            case "POST", ["removeChannel"]:
                if query["channel"] not in members:
                    raise Refused(422, "Channel not in this bridge")
                members.remove(query["channel"])
            case _, ["moh"]:
                self._music(name, plays=method == "POST")
            case _:
                raise AssertionError((method, what))
        return None

    def _music(self, name: str, *, plays: bool) -> None:
        if not plays and name not in self.music:
            raise Refused(409, "Bridge isn't playing music")
        self.music = self.music | {name} if plays else self.music - {name}

    def _external_media(self, query: dict[str, str]) -> object:
        name = query["channelId"]
        wanted = {"app": APP, "transport": "websocket", "encapsulation": "none", "connection_type": "client"}
        assert wanted.items() <= query.items()
        assert query["external_host"] == APP
        options, _, ticket = query["transport_data"].partition("v(t=")
        assert options == "f(json)"
        channel = self.channels[name] = FakeChannel(name)
        asyncio.get_running_loop().call_soon(self.open_media, ticket.removesuffix(")"))
        channel.in_app = True
        asyncio.get_running_loop().call_later(0.05, self._starts, name)
        return channel.told()

    def _starts(self, name: str) -> None:
        if name in self.channels:
            self.event("StasisStart", self.channels[name], args=[])

    def _originate(self, name: str, query: dict[str, str]) -> object:
        assert query["app"] == APP
        assert int(query["timeout"]) > 0
        if name in self.channels:
            raise Refused(409, "Channel with given unique ID already exists")
        channel = self.channels[name] = FakeChannel(name)
        channel.state = "Down"
        channel.variables |= json.loads(query["_body"])["variables"]
        channel.variables["_endpoint"] = query["endpoint"]
        asyncio.get_running_loop().call_soon(self.on_originate, channel)
        return channel.told()
