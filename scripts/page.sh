#!/usr/bin/env bash
# The page: its types, rules, tests and build. Needs Node 20 or newer; to run lineside nobody needs it.
#   scripts/page.sh            checks, tests, and builds it into src/lineside/web
#   scripts/page.sh --check    the same, and fails where src/lineside/web is not what the sources give
set -euo pipefail
cd "$(dirname "$0")/../page"

[ "${1:-}" = "" ] || [ "$1" = "--check" ] || { echo "usage: scripts/page.sh [--check]" >&2; exit 2; }
command -v npm >/dev/null 2>&1 || { echo "The page is built with Node: install nodejs and npm, 20 or newer." >&2; exit 1; }

if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    # Not npm ci: it insists on packages for every other platform, and not every mirror of the registry has those.
    npm install --no-save --no-audit --no-fund
fi
npx tsc --noEmit
npx biome check .
npx vitest run

if [ "${1:-}" = "--check" ]; then
    built=$(mktemp -d)
    trap 'rm -rf "$built"' EXIT
    npx vite build --outDir "$built" --emptyOutDir --logLevel warn
    diff -rq "$built" ../src/lineside/web || { echo "src/lineside/web is not what page/ gives: scripts/page.sh" >&2; exit 1; }
else
    npx vite build --logLevel warn
fi
