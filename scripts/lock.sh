#!/usr/bin/env bash
# Writes the lock files anew from pyproject.toml (needs uv). requirements.lock runs lineside; requirements-dev.lock tests it.
set -euo pipefail
cd "$(dirname "$0")/.."
lock() { uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra carriers --extra embedded --extra mcp --extra s3 --extra srtp --extra traces "$@" pyproject.toml; }
lock --group build -o requirements.lock
lock --group dev --extra media --extra webrtc -o requirements-dev.lock
