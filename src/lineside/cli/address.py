"""Which running lineside a command speaks to, and with which key."""

import re
import ssl
from pathlib import Path
from typing import Annotated, Any

import typer

from lineside.errors import ConfigError
from lineside.models.api_client import GatewayUnreachable, ask
from lineside.settings import Settings

UrlOption = Annotated[
    str, typer.Option(envvar="LINESIDE_URL", help="Address of a running lineside; default: this machine, PORT.")
]
KeyOption = Annotated[str, typer.Option(envvar="LINESIDE_KEY", help="One of its API_KEYS.")]
CaOption = Annotated[
    Path | None,
    typer.Option(
        "--cacert", dir_okay=False, help="Certificate (PEM) to trust, for a server with one of its own making."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def base_url(given: str, settings: Settings) -> str:
    """The address of the gateway, in whatever form it was given: with or without scheme, port or path.

    `3001`, `box:3001`, `ws://box:3001/ws/call` and `https://box/` all name one. Raises `ConfigError`.
    """
    if not given:
        return f"http://{'127.0.0.1' if settings.only_this_machine else settings.host}:{settings.port}"
    text = given.strip()
    if text.isdigit():
        text = f"127.0.0.1:{text}"
    if "://" not in text:
        text = f"http://{text}"
    found = re.fullmatch(r"(https?|wss?)://([^/?#@\s]+)([^?#\s]*)", text)
    if found is None:
        raise ConfigError(f"{given!r} is not an address; write http://HOST:PORT")
    scheme, host, path = found.groups()
    path = path.rstrip("/").removesuffix("/ws/call")
    return f"{scheme.replace('ws', 'http')}://{host}{path}"


def trusted_certificates(file: Path | None) -> ssl.SSLContext | None:
    """Those of the system, and of this file. Raises `ConfigError` where it holds none."""
    if file is None:
        return None
    trusted = ssl.create_default_context()
    try:
        trusted.load_verify_locations(file)
    except (OSError, ssl.SSLError) as cause:
        raise ConfigError(f"--cacert {file}: no certificate in PEM form can be read from it ({cause})") from None
    return trusted


def api_key(given: str, settings: Settings) -> str:
    """The key that was given, or the first of this machine's."""
    return given or next(iter(settings.api_keys), "")


def ask_gateway(method: str, path: str, body: object, *, url: str, key: str, settings: Settings) -> dict[str, Any]:
    """What the control API answers. Raises `ConfigError`, `GatewayUnreachable` where nothing answers."""
    return ask(method, f"{base_url(url, settings)}{path}", body, api_key(key, settings))


def running_gateway_health(url: str, settings: Settings) -> dict[str, Any] | None:
    """What `GET /health` of a running lineside says; None where no lineside answers."""
    try:
        health = ask_gateway("GET", "/health", None, url=url, key="", settings=settings)
    except (GatewayUnreachable, ConfigError):
        return None
    return health if {"status", "calls", "max_calls"} <= health.keys() else None
