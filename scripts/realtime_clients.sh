#!/usr/bin/env bash
# The stock clients of OpenAI's Realtime API at a gateway of ours, unchanged but for the address: each types a question,
# has a function called, and hears the answer; @openai/agents speaks, interrupts, truncates, changes its session and is
# refused as well. In temporary environments; needs PyPI, npm and Node 20. Prints what each saw.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
served=""
trap 'test -z "$served" || kill "$served"; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --only-binary :all: openai-agents pipecat-ai livekit-plugins-openai websockets
(cd "$folder" && npm init -y >/dev/null && npm install --silent --ignore-scripts @openai/agents zod)
cp scripts/realtime_clients/openai_agents.mjs "$folder/"

address() { # a new gateway: its model's script begins anew
    test -z "$served" || kill "$served"
    PYTHONPATH=. .venv/bin/python scripts/realtime_clients/serve.py 300 >"$folder/out" 2>&1 &
    served=$!
    for _ in $(seq 120); do grep -q '^http' "$folder/out" && break; sleep 0.5; done
    url=$(grep -m1 '^http' "$folder/out")
}

for client in openai_agents livekit_plugin pipecat_service; do
    address
    case $client in livekit_plugin) at="$url/v1" ;; *) at="ws${url#http}/v1/realtime" ;; esac
    echo "== $client"
    "$folder/venv/bin/python" -W ignore "scripts/realtime_clients/$client.py" "$at" 2>"$folder/err" || { tail -5 "$folder/err"; exit 1; }
done
address
echo "== @openai/agents"
node "$folder/openai_agents.mjs" "ws${url#http}/v1/realtime"
