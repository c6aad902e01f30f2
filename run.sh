#!/usr/bin/env bash
# Starts lineside. On a fresh machine it first makes .venv, installs the locked parts and fetches the default models.
#   ./run.sh              http://localhost:3001
#   PORT=8080 ./run.sh    another port; all settings: .env.example
#   ./run.sh --with whisper-server=ggml-base.en --with ollama    also starts these, by a host agent beside it
#   ./run.sh --monitoring    also starts Prometheus and Grafana, where they are installed
set -euo pipefail
cd "$(dirname "$0")"
. scripts/environment.sh
prepare requirements.lock
.venv/bin/lineside models pull
exec .venv/bin/lineside serve "$@"
