"""Behind proxies: whose word counts, what address is the client's, and that every route stands below the base path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from lineside.errors import ConfigError
from lineside.gateway.forwarded import ForwardedRequest, TrustedProxies
from lineside.settings import load_settings
from tests.gateway.test_app import ServedGateway, with_served_gateway

PROXIES = TrustedProxies(["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"])


def asked(peer: str, *headers: tuple[str, str]) -> ForwardedRequest:
    return PROXIES.asked(peer, "127.0.0.1:3001", CIMultiDict(headers))


@pytest.mark.parametrize(
    ("peer", "headers", "address", "host"),
    [
        # nobody's proxy: nothing that it says counts
        ("192.0.2.9", [("X-Forwarded-For", "203.0.113.5"), ("X-Forwarded-Host", "x.example")], "192.0.2.9", ""),
        ("", [("X-Forwarded-For", "203.0.113.5")], "", ""),
        # a proxy that tells nothing
        ("127.0.0.1", [], "127.0.0.1", ""),
        # one proxy, two of ours, and what a client had written before
        ("127.0.0.1", [("X-Forwarded-For", "203.0.113.5")], "203.0.113.5", ""),
        ("127.0.0.1", [("X-Forwarded-For", "203.0.113.5, 10.1.2.3")], "203.0.113.5", ""),
        ("127.0.0.1", [("X-Forwarded-For", "198.51.100.1, 203.0.113.5, 10.1.2.3")], "203.0.113.5", ""),
        ("127.0.0.1", [("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", "203.0.113.5")], "203.0.113.5", ""),
        ("127.0.0.1", [("X-Forwarded-For", "203.0.113.5, unknown")], "127.0.0.1", ""),
        ("127.0.0.1", [("X-Forwarded-For", "10.0.0.7, 10.0.0.8")], "10.0.0.7", ""),
        # ports, brackets, both families on one socket
        ("::ffff:10.0.0.1", [("X-Forwarded-For", "203.0.113.5:4711")], "203.0.113.5", ""),
        ("2001:db8::1", [("X-Forwarded-For", "[2001:db9::5]:4711")], "2001:db9::5", ""),
        # the name that the client asked for; the last proxy's word counts
        ("127.0.0.1", [("X-Forwarded-Host", "desk.example.com")], "127.0.0.1", "desk.example.com"),
        ("127.0.0.1", [("X-Forwarded-Host", "evil.example, desk.example.com")], "127.0.0.1", "desk.example.com"),
        # RFC 7239, 4 and 7.1
        ("127.0.0.1", [("Forwarded", "for=192.0.2.43;proto=https;host=desk.example")], "192.0.2.43", "desk.example"),
        ("127.0.0.1", [("Forwarded", 'For="[2001:db9::17]:4711"')], "2001:db9::17", ""),
        ("127.0.0.1", [("Forwarded", "for=192.0.2.43, for=203.0.113.60;host=h")], "203.0.113.60", "h"),
        # a proxy of the common form passes on what a client wrote in the other
        ("127.0.0.1", [("Forwarded", "for=9.9.9.9;host=evil"), ("X-Forwarded-For", "203.0.113.5")], "203.0.113.5", ""),
    ],
)
def test_whose_word_counts(peer: str, headers: list[tuple[str, str]], address: str, host: str) -> None:
    """The nearest hop that is no proxy of ours is the client; headers of strangers count for nothing."""
    found = asked(peer, *headers)
    assert (found.address, found.host) == (address, host or "127.0.0.1:3001")


@given(st.text(), st.text(), st.sampled_from(["127.0.0.1", "192.0.2.1"]))
def test_any_header_has_an_answer(text: str, host: str, peer: str) -> None:
    """Whatever somebody writes."""
    for name in ("X-Forwarded-For", "X-Forwarded-Host", "Forwarded"):
        assert asked(peer, (name, text), ("X-Forwarded-Host", host)).address


def test_every_route_stands_below_the_base_path_and_at_the_root() -> None:
    """The page, its files, the API, its documents and calls; a proxy may take the path off or leave it."""

    async def story(there: ServedGateway) -> None:
        async with there.http.get(f"{there.url}/voice", allow_redirects=False) as moved:
            assert (moved.status, moved.headers.get("Location")) == (308, "/voice/")
        for base in ("", "/voice"):
            for path in ("/", "/health", "/ready", "/metrics", "/api/calls", "/docs", "/openapi.json"):
                async with there.http.get(f"{there.url}{base}{path}") as answer:
                    assert answer.status == 200, (base, path)
            async with there.http.get(f"{there.url}{base}/api/calls/none/events") as none:
                assert (await none.json())["error"]["code"]
            async with there.http.post(f"{there.url}{base}/api/token") as answer:
                assert (await answer.json())["token"]
            ws = await there.http.ws_connect(f"{there.url}{base}/ws/call")
            await ws.send_str('{"codec":"pcm","greeting":""}')
            assert (await ws.receive_json(timeout=60))["type"] == "ready"
            await ws.close()
        async with there.http.get(f"{there.url}/voice/openapi.json") as answer:
            assert (await answer.json())["servers"] == [{"url": "/voice"}]
        async with there.http.get(f"{there.url}/voiceless/health") as none:
            assert none.status == 404

    with_served_gateway(story, base_path="/voice")


def test_below_a_base_path_the_same_doors_are_locked() -> None:
    """A key is asked for wherever it is asked for at the root; the page and the API's documents are open."""

    async def story(there: ServedGateway) -> None:
        opened, locked = ("/", "/health", "/docs", "/openapi.json"), ("/metrics", "/api/calls", "/ws/call")
        for path, status in [(path, 200) for path in opened] + [(path, 401) for path in locked]:
            for base in ("", "/voice"):
                async with there.http.get(f"{there.url}{base}{path}") as answer:
                    assert answer.status == status, (base, path)
        for path in ("/voice/web/../api/calls", "/voice//api/calls", "/voice/voice/api/calls"):
            async with there.http.get(there.url + path) as answer:
                assert answer.status in (401, 404)

    with_served_gateway(story, base_path="/voice", api_keys="secret")


@pytest.mark.parametrize("trusted", ["127.0.0.1", ""], ids=["trusted", "not trusted"])
def test_a_page_behind_a_proxy_connects_where_the_proxy_is_trusted(trusted: str) -> None:
    """The proxy asks as 127.0.0.1 and says which name its client asked for."""

    async def story(there: ServedGateway) -> None:
        names = {"Origin": "https://desk.example.com", "X-Forwarded-Host": "desk.example.com"}
        async with there.http.post(f"{there.url}/api/token", headers=names | {"Authorization": "Bearer k"}) as answer:
            assert answer.status == (200 if trusted else 403)
            if not trusted:
                message = (await answer.json())["error"]["message"]
                assert "X-Forwarded-Host" in message
                assert "TRUSTED_PROXIES" in message
        async with there.http.post(
            f"{there.url}/api/token", headers=names | {"Origin": "https://evil.example", "Authorization": "Bearer k"}
        ) as answer:
            assert answer.status == 403

    with_served_gateway(story, trusted_proxies=trusted, api_keys="k")


@pytest.mark.parametrize(
    ("setting", "value", "kept"),
    [("base_path", "voice/", "/voice"), ("base_path", "/", ""), ("base_path", "/a/b-c", "/a/b-c")],
)
def test_a_base_path_in_any_common_form(setting: str, value: str, kept: str) -> None:
    """With or without its slashes."""
    assert getattr(load_settings(**{setting: value}), setting) == kept


@pytest.mark.parametrize(
    ("setting", "value"),
    [("base_path", "/a b"), ("base_path", "/../x"), ("base_path", "https://x/y"), ("trusted_proxies", "nginx")],
)
def test_a_wrong_setting_is_named(setting: str, value: str) -> None:
    """Before anything starts."""
    with pytest.raises(ConfigError, match=setting.upper()):
        load_settings(**{setting: value})
