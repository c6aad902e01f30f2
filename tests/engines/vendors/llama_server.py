"""llama.cpp's own server, as xllamacpp carries it, with a chat template of one's choice: PORT MODEL TEMPLATE_FILE."""

import sys
from pathlib import Path

import xllamacpp


def main() -> None:
    """Serve until standard input ends."""
    params = xllamacpp.CommonParams()
    params.model.path = sys.argv[2]
    params.n_ctx, params.n_parallel, params.n_batch, params.n_ubatch = 2048, 1, 256, 256
    params.port, params.use_jinja = int(sys.argv[1]), True
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
    params.warmup = params.fit_params = params.ui = False
    params.verbosity = 0
    if template := Path(sys.argv[3]).read_text("utf-8"):
        params.chat_template = template
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
