"""Proxies and passwords of the environment: heeded where there are any, and not looked for at every request."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from lineside.engines import http_environment
from lineside.engines.registry import EngineRegistry
from tests.call.fixtures import settings

NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "NETRC")


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("HTTPS_PROXY", "http://proxy:3128", True),
        ("all_proxy", "http://proxy:3128", True),
        ("NO_PROXY", "localhost", False),
        ("http_proxy", "", False),
    ],
)
def test_a_proxy_is_one_that_is_named(name: str, value: str, says: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosts that are asked without one name none."""
    monkeypatch.setenv(name, value)
    assert http_environment.says_something() is says


def test_passwords_lie_at_home_or_where_netrc_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Either file counts, and one that is not there does not."""
    assert not http_environment.says_something()
    monkeypatch.setenv("NETRC", str(tmp_path / "elsewhere"))
    assert not http_environment.says_something()
    (tmp_path / "elsewhere").write_text("machine engine login a password b\n")
    assert http_environment.says_something()
    monkeypatch.delenv("NETRC")
    (tmp_path / ".netrc").write_text("machine engine login a password b\n")
    assert http_environment.says_something()


def test_an_engine_behind_a_proxy_is_asked_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the operator's shell has it."""

    async def main() -> list[str]:
        asked: list[str] = []

        async def proxy(request: web.BaseRequest) -> web.Response:
            asked.append(f"{request.method} {request.raw_path} {request.host}")
            return web.json_response({"data": []})

        runner = web.ServerRunner(web.Server(proxy))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        monkeypatch.setenv("http_proxy", site.name)
        registry = EngineRegistry(settings(openai_url="http://engine.invalid/v1", openai_model="m"))
        try:
            await registry.engine("llm", "openai").check()  # type: ignore[attr-defined]
        finally:
            await registry.close()
            await runner.cleanup()
        return asked

    assert any("engine.invalid" in line for line in asyncio.run(main()))
