#!/usr/bin/env bash
# Everything that must hold, in one command: lint, types, import layers, all tests.
#   ./test.sh                 all of it
#   ./test.sh tests/turns/test_floor.py -k barge    only these tests, after the checks
set -euo pipefail
cd "$(dirname "$0")"
. scripts/environment.sh
export PYTHONDONTWRITEBYTECODE= # what is compiled is kept: hundreds of processes read the same sources

# Real programs that users would have: a browser, telephones, the voice of last resort, a database, a monitor, a linter of shell
# scripts.
missing=""
for program in baresip caddy chromium curl espeak-ng openssl prometheus promtool shellcheck sipp; do
    command -v "$program" >/dev/null 2>&1 || missing=1
done
# Debian keeps the server's own programs out of PATH.
ls /usr/lib/postgresql/*/bin/initdb /usr/sbin/nginx >/dev/null 2>&1 || missing=1
packages="baresip-core caddy chromium curl espeak-ng nginx-light openssl postgresql prometheus shellcheck sip-tester"
if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "Installing Debian packages: $packages"
        apt-get update -qq
        # shellcheck disable=SC2086 # a list of names
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
    else
        echo "The tests need some programs. Once: sudo apt-get install -y $packages" >&2
        exit 1
    fi
fi

prepare requirements-dev.lock
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/lint-imports
# mypy keeps what it found in .mypy_cache; beside it the page is checked, which keeps its packages in page/node_modules.
.venv/bin/mypy & types=$!
page=0
if command -v node >/dev/null 2>&1 && node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)'; then
    scripts/page.sh --check || page=$?
else
    echo "SKIPPED the page's own checks: they need Node 20 or newer, and there is none. The built page is tested all the same."
fi
wait "$types"
[ "$page" = 0 ] || exit "$page"
.venv/bin/python scripts/audit.py
.venv/bin/lineside models pull
.venv/bin/lineside models pull en_US-joe-medium
[ $# = 0 ] || exec .venv/bin/python -m pytest "$@"
# Every test, in four parts: those that neither share anything nor measure time run in two processes; then the other three
# parts at once, which wait more than they compute. What a part prints is kept back until those before it have ended.
.venv/bin/python -m pytest --part side-by-side -n 2 --dist worksteal
printed=$(mktemp -d)
.venv/bin/python -m pytest --part inside -n 2 --dist loadfile >"$printed/inside" 2>&1 & inside=$!
.venv/bin/python -m pytest --part outside >"$printed/outside" 2>&1 & outside=$!
failed=0
.venv/bin/python -m pytest --part browser || failed=$?
wait "$outside" || failed=$?
cat "$printed/outside"
wait "$inside" || failed=$?
cat "$printed/inside"
rm -rf "$printed"
exit "$failed"
