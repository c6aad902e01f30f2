"""The load tester's own gateway, everything real but the engines.

`python -m lineside.loadtest.server_under_test_main PORT …`

The engines of `mocks` come in through the door that all engines use, an entry point, but only into this process: they
are nothing that a call on an ordinary gateway should be able to name.
"""

import argparse
import asyncio
import os
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
import uvloop

from lineside.errors import LinesideError
from lineside.gateway.multiprocess import counted_together, worker_count
from lineside.private_files import make_files_private
from lineside.settings import Settings, load_settings

if TYPE_CHECKING:
    from lineside.gateway.startup import RunningGateway

CALLS = 100_000  # as good as no limit: what breaks first is what is asked
AGENT = 'name = "Load test"\nprompt = "You answer."\n'
ENTRY_POINTS = """\
[lineside.stt]
mock = lineside.loadtest.mock_engines:MockSTT
[lineside.llm]
mock = lineside.loadtest.mock_engines:MockLLM
[lineside.tts]
mock = lineside.loadtest.mock_engines:MockTTS
"""


def register_mock_engines(folder: Path) -> None:
    """Let this process and its workers find the mock engines."""
    package = folder / "lineside_mock_engines-0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: lineside-mock-engines\nVersion: 0\n")
    (package / "entry_points.txt").write_text(ENTRY_POINTS)
    sys.path.append(str(folder))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(folder)]))


def settings_for(folder: Path, port: int, speculation: bool, line: str = "browser") -> Settings:
    """What the environment says, but for who answers, where, and how many. Raises `ConfigError`."""
    agent = folder / "agent.toml"
    agent.write_text(AGENT)
    return load_settings(
        host="127.0.0.1",
        port=port,
        api_keys=(),
        keep_calls=False,
        data_dir=folder,
        agent_file=agent,
        max_concurrent_calls=CALLS,
        speculation=speculation,
        sip=line == "sip",
        sip_port=0,
        sip_rtp_ports="16000-31999",
        sip_trusted=("127.0.0.1",),
        asterisk=line == "asterisk-ws",
        audiosocket_port=free_port() if line == "audiosocket" else 0,
        twilio_auth_token="load test" if line == "twilio" else "",
        public_url="https://load.test" if line == "twilio" else "",
        turn_profile="silence",  # its callers' words are no evidence, and every turn shall wait as long
        llm_max_tokens=1000,
        **{f"default_{role}_engine": "mock" for role in ("stt", "llm", "tts")},
        **{f"fallback_{role}_engines": () for role in ("stt", "llm", "tts")},
    )


def free_port() -> int:
    """One that nobody has now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def main() -> None:
    """Answer calls until SIGTERM."""
    make_files_private()
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--speculation", action="store_true")
    parser.add_argument("--line", default="browser")
    given = parser.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

    with tempfile.TemporaryDirectory(prefix="lineside-loadtest-") as name:
        folder = Path(name)
        register_mock_engines(folder)
        try:
            settings = settings_for(folder, given.port, given.speculation, given.line)
            with counted_together(worker_count(settings)):
                _answer(settings)
        except LinesideError as fault:
            sys.exit(f"lineside: {fault}")


def _answer(settings: Settings) -> None:
    from lineside.gateway.startup import serve

    def ready(running: "RunningGateway") -> None:
        port = settings.audiosocket_port
        print(running.url, running.sip, f"127.0.0.1:{port}" if port else "", sep="\t", flush=True)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings, insecure=False, ready=ready))


if __name__ == "__main__":
    main()
