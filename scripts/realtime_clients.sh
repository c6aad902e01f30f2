#!/usr/bin/env bash
# scripts/realtime_clients.sh [FOLDER]
# The stock clients of OpenAI's Realtime API at a gateway of ours, unchanged but for the address: each types a question,
# has a function called, hears the answer, speaks, interrupts the next answer and truncates it. Fails where what is kept of
# that answer is no prefix of what was said, or not what the gateway's model sees next. Those of Node change their
# session and are refused with a wrong key as well; `openai` calls over TLS, with a certificate made here; in Chromium
# @openai/agents speaks over WebRTC, from a page of another origin. Each has an environment of its own, since one that
# fits all takes pip longer than ten minutes to find. They are in FOLDER, and stay there; without it they are temporary.
# Needs PyPI, npm, Node 20 and openssl. Prints what each saw.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-$(mktemp -d)}
served=""
secured=""
trap 'kill $served $secured 2>/dev/null || true; test -n "${1:-}" || rm -rf "$folder"' EXIT
mkdir -p "$folder"

address() { # a new gateway: its model's script begins anew
    test -z "$served" || kill "$served"
    rm -f "$folder/out" "$folder/tls" # what an earlier one printed
    PYTHONPATH=. .venv/bin/python scripts/realtime_clients/serve.py 300 >"$folder/out" 2>&1 &
    served=$!
    url=$(printed out)
}

printed() { # a file: the address in it, once it is there
    for _ in $(seq 120); do grep -m1 '^http' "$folder/$1" && return; sleep 0.5; done
    echo "no address came" >&2
    return 1
}

python_client() { # package, program, address
    test -d "$folder/$1" || python3 -m venv "$folder/$1"
    # docopt, which pipecat-ai needs in the end, has no wheel; without it pip goes back to an older version of it.
    .venv/bin/python -m pip --python "$folder/$1/bin/python" install -q -U --only-binary :all: --no-binary docopt "$1"
    echo "== $("$folder/$1/bin/python" -c "from importlib.metadata import version; print('$1', version('$1'), 'with openai', version('openai'))")"
    "$folder/$1/bin/python" -W ignore "scripts/realtime_clients/$2.py" "$3" "$folder/out" 2>"$folder/err" || { tail -5 "$folder/err"; exit 1; }
}

address
python_client openai-agents openai_agents "ws${url#http}/v1/realtime"
address
python_client livekit-plugins-openai livekit_plugin "$url/v1"
address
python_client pipecat-ai pipecat_service "ws${url#http}/v1/realtime"

cp scripts/realtime_clients/openai_agents.mjs scripts/realtime_clients/openai_node.mjs "$folder/"
(cd "$folder" && { test -f package.json || npm init -y >/dev/null; } && npm install --silent --ignore-scripts @openai/agents openai ws zod)
address
echo "== @openai/agents $(node -p "require('$folder/node_modules/@openai/agents/package.json').version")"
node "$folder/openai_agents.mjs" "ws${url#http}/v1/realtime"
address
openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
    -keyout "$folder/key.pem" -out "$folder/certificate.pem" 2>/dev/null
.venv/bin/python scripts/realtime_clients/tls.py "$folder/certificate.pem" "$folder/key.pem" "$url" >"$folder/tls" &
secured=$!
echo "== openai $(node -p "require('$folder/node_modules/openai/package.json').version") for Node, over TLS"
(cd "$folder" && NODE_EXTRA_CA_CERTS="$folder/certificate.pem" node openai_node.mjs "$(printed tls)" "$folder/out")
echo "== @openai/agents in Chromium, over WebRTC"
PYTHONPATH=. .venv/bin/python -m scripts.realtime_clients.browser "$folder" 2>"$folder/err" || { tail -5 "$folder/err"; exit 1; }
