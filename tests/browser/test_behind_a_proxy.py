"""Behind a real nginx and a real Caddy, with TLS, below /voice/, configured as the examples say."""

import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenGateway, OpenPage
from tests.browser.page_checks import answered, played_out, said
from tests.browser.test_page import type_in

pytestmark = pytest.mark.browser

EXAMPLES = Path(__file__).parents[2] / "examples" / "proxies"
HOST = "desk.example.com"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def certificate(folder: Path, name: str = HOST) -> tuple[Path, Path]:
    """A certificate of our own, and its key."""
    made, key = folder / "desk.pem", folder / "desk.key"
    asked = ["-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(made), "-days", "2"]
    names = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    subprocess.run(["openssl", "req", "-x509", *asked, *names], check=True, capture_output=True)
    return made, key


def nginx(folder: Path, port: int, upstream: str) -> list[str]:
    """The example with ports and files of this test; time-outs and `Host` as nginx has them by default."""
    made, key = certificate(folder)
    server = (EXAMPLES / "nginx.conf").read_text()
    server = server.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl").replace("127.0.0.1:3001", upstream)
    server = re.sub(r"(ssl_certificate +)\S+;", rf"\1{made};", server)
    server = re.sub(r"(ssl_certificate_key +)\S+;", rf"\1{key};", server)
    temp = " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{ access_log {folder}/access.log; {temp}\n{server}\n}}\n"
    )
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    return [program, "-c", str(config), "-p", str(folder)]


def caddy(folder: Path, port: int, upstream: str) -> list[str]:
    """The example with a port and a certificate of this test."""
    made, key = certificate(folder)
    site = (EXAMPLES / "Caddyfile").read_text().replace("127.0.0.1:3001", upstream)
    site = site.replace(f"\n{HOST} {{", f"\nhttps://{HOST}:{port} {{\n\tbind 127.0.0.1\n\ttls {made} {key}")
    config = folder / "Caddyfile"
    config.write_text("{\n\tadmin off\n\tauto_https off\n}\n" + site)
    return ["caddy", "run", "--config", str(config), "--adapter", "caddyfile"]


PROXIES = {"nginx": nginx, "caddy": caddy}


@contextmanager
def proxied(name: str, folder: Path, upstream: str) -> Iterator[str]:
    """A proxy in front of a gateway; the address of the page."""
    if not (shutil.which(name) or Path(f"/usr/sbin/{name}").exists()):
        pytest.skip(f"no {name} is installed, so lineside was not tested behind it: apt-get install -y {name}")
    port = free_port()
    argv = PROXIES[name](folder, port, upstream.removeprefix("http://"))
    with (folder / "output.log").open("w") as log:
        running = subprocess.Popen(
            argv, stdout=log, stderr=log, cwd=folder, env={"HOME": str(folder), "PATH": "/bin:/usr/bin"}
        )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert running.poll() is None, (folder / "output.log").read_text()
                assert time.monotonic() < deadline, f"{name} did not open its port"
                time.sleep(0.05)
        yield f"https://{HOST}:{port}/voice/"
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(timeout=60)


@pytest.mark.parametrize("name", list(PROXIES))
@pytest.mark.parametrize("keys", ["", "secret"], ids=["named origin", "key"])
def test_a_call_is_held_below_a_path_of_somebodys_web_server(
    gateway: OpenGateway, visit: OpenPage, tmp_path: Path, name: str, keys: str
) -> None:
    """The page loads with its files, the API answers, a call is held and its sound is heard."""
    port = free_port()
    with proxied(name, tmp_path, f"127.0.0.1:{port}") as url:
        origin = url.removesuffix("/voice/")
        one = gateway(
            port=port,
            base_path="/voice",
            trusted_proxies="127.0.0.1",
            api_keys=keys,
            allowed_origins="" if keys else origin,
        )
        given = f"sessionStorage.setItem('lineside key', '{keys}')" if keys else ""
        page = visit(url, record=True, ignore_https_errors=True, script=given)
        expect(page.locator("h1")).to_have_text("lineside")
        type_in(page, "When?")
        answered(page)
        assert said(page)[1][1] == "We are open. From nine to six."
        began, ended = played_out(page).sounding()
        assert ended - began == pytest.approx(7 * 0.3, abs=0.35)
        page.goto(f"{url}#/calls")
        expect(page.get_by_text("browser").first).to_be_visible()
        page.get_by_role("link", name="API reference").click()
        expect(page.locator("h1")).to_have_text("The control API")
        page.click("text=openapi.json")
        expect(page.locator("body")).to_contain_text("lineside")
        assert one.url


def test_without_the_settings_the_page_says_what_is_missing(
    gateway: OpenGateway, visit: OpenPage, tmp_path: Path
) -> None:
    """A proxy that nobody named in TRUSTED_PROXIES: the call is refused, in words that name the setting."""
    port = free_port()
    with proxied("nginx", tmp_path, f"127.0.0.1:{port}") as url:
        gateway(port=port, base_path="/voice")
        page = visit(url, ignore_https_errors=True)
        type_in(page, "When?")
        expect(page.locator("#problem")).to_contain_text("TRUSTED_PROXIES")


def test_the_docs_show_these_very_files() -> None:
    """Word for word."""
    page = (EXAMPLES.parents[1] / "docs" / "how-to" / "deploy.md").read_text()
    for name in ("nginx.conf", "Caddyfile"):
        assert (EXAMPLES / name).read_text().rstrip() in page
