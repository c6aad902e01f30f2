# Sourced by run.sh and test.sh: makes .venv and installs a lock file into it, once for each content of the lock.
# Usage: prepare LOCKFILE

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3.13 python3.12 python3.11 python3 python; do
        if [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "lineside needs Python 3.11 or newer, and none was found. Install one, or name it: PYTHON=/path/to/python3 $0" >&2
    return 1
}

make_venv() {
    local python
    python=$(find_python) || return 1
    rm -rf .venv
    if "$python" -m venv .venv >/dev/null 2>&1; then return; fi
    rm -rf .venv
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "Installing Debian's venv module for $python ..."
        apt-get update -qq && apt-get install -y -qq "$(basename "$python")-venv" >/dev/null && "$python" -m venv .venv && return
    fi
    echo "$python cannot make a virtual environment. On Debian and Ubuntu: sudo apt-get install python3-venv" >&2
    return 1
}

# Of what pip says, how far it is: a line for every twenty packages.
progress() {
    awk -v all="$1" '/^Collecting/ && ++n % 20 == 0 { print "  " n " of " all " packages fetched"; fflush() }
        /^Installing collected/ { print "  unpacking, which takes up to a minute"; fflush() }'
}

prepare() {
    local lock=$1 wanted
    [ -x .venv/bin/python ] && .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || make_venv
    wanted="$(cat "$lock" pyproject.toml | .venv/bin/python -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())') $PWD"
    if grep -qxF "$wanted" .venv/lineside-installed 2>/dev/null; then return; fi
    echo "Installing what $lock names (once; about 800 MB on disk) ..."
    # Wheels only, by hash: nothing that is fetched runs code while it is installed.
    .venv/bin/python -m pip install --progress-bar off --disable-pip-version-check --require-hashes --no-deps \
        --only-binary :all: -r "$lock" | progress "$(grep -c '==' "$lock")"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
    echo "$wanted" >>.venv/lineside-installed
}
