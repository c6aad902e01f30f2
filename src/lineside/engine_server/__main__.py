"""`python -m lineside.engine_server`: the engine server's command line."""

import argparse
import json
import os
import sys
from pathlib import Path

import structlog

from lineside.engine_server.openmp import GENTLE_THREADS, borrow
from lineside.errors import ConfigError
from lineside.private_files import make_files_private
from lineside.processes.cpu_count import cores

NONE = ("none", "")  # as the name of a model: none is loaded at start


def threads() -> int:
    """Half of the cores, because three models and the calls share them; both of two, eight at the most."""
    return min(cores(), max(2, min(8, cores() // 2)))


def main() -> int:
    """Read the command line and serve; the exit code."""
    make_files_private()
    parser = argparse.ArgumentParser(prog="python -m lineside.engine_server", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at; LINESIDE_ENGINE_SECRET guards it")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--listen-fd", type=int, help="number of a socket that is bound already, in place of --port")
    parser.add_argument("--models-dir", type=Path, required=True)
    models = "model that is loaded at start; none: the first one that a request names"
    parser.add_argument("--stt", default="faster-whisper-base", help=models)
    parser.add_argument("--llm", default="qwen2.5-coder-0.5b", help=models)
    parser.add_argument("--tts", default="hibari-heart", help=models)
    parser.add_argument(
        "--opening", type=Path, help="JSON messages to read before the first call: system prompt, examples"
    )
    parser.add_argument("--threads", type=int, default=threads(), help="threads of a model (the recogniser takes half)")
    parser.add_argument("--slots", type=int, default=4, help="callers that the language model answers at once")
    parser.add_argument("--end-with-parent", action="store_true", help="end when the starting process or stdin ends")
    arguments = parser.parse_args()
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)  # the gateway's workers count there, this process for itself
    for name, value in GENTLE_THREADS.items():
        os.environ.setdefault(name, value)
    structlog.configure(
        processors=[
            structlog.processors.TimeStamper("iso"),
            structlog.processors.add_log_level,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        opening = json.loads(arguments.opening.read_text("utf-8")) if arguments.opening else []
        borrow(arguments.models_dir.expanduser() / ".libraries")
    except (ConfigError, OSError, ValueError) as no:
        structlog.get_logger().error("engine server failed", why=str(no))
        return 1
    from lineside.engine_server.launch import SECRET
    from lineside.engine_server.server import EngineServerOptions, serve

    options = EngineServerOptions(
        host=arguments.host,
        port=arguments.port,
        models_dir=arguments.models_dir.expanduser(),
        names={role: name for role in ("stt", "llm", "tts") if (name := getattr(arguments, role)) not in NONE},
        opening=opening,
        threads=arguments.threads,
        slots=arguments.slots,
        end_with_parent=arguments.end_with_parent,
        secret=os.environ.pop(SECRET, ""),
        listen_fd=arguments.listen_fd,
    )
    return serve(options)


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # not sys.exit: Python would wait for the models' threads, which may be in the middle of a sentence
