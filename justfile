# Commands for development. `just` is in the development environment: .venv/bin/just (or activate .venv first).
# Without it: ./test.sh runs everything.

set positional-arguments

export PATH := justfile_directory() / ".venv/bin:" + env("PATH")

# List the commands
default:
    @just --list --unsorted

# Make .venv with everything for development
setup:
    #!/usr/bin/env bash
    set -euo pipefail
    . scripts/environment.sh
    prepare requirements-dev.lock

# Run the test files with this name, without lint or models: just test floor -k barge
test name *options:
    #!/usr/bin/env bash
    set -euo pipefail
    name=$1; shift
    if [ -e "$name" ]; then files=("$name"); else mapfile -t files < <(find tests -name "test_*$name*.py" | sort); fi
    [ "${#files[@]}" -gt 0 ] || { echo "No test file is called test_*$name*.py." >&2; exit 1; }
    # schemathesis takes a second to import, and one test needs it, in a process of its own.
    exec python -m pytest -p no:schemathesis -p no:cov -p no:xdist "${files[@]}" "$@"

# Check style, formatting and import layers
lint:
    ruff check .
    ruff format --check .
    lint-imports

# Format the code and mend what ruff can mend
format:
    ruff check --fix .
    ruff format .

# Check the types of src, tests, bench and training
types:
    mypy

# Check, test and build the page (needs Node 20 or newer)
page *options:
    scripts/page.sh "$@"

# Write every generated file anew: protocol, API, settings, metrics, CLI pages, .env.example, the page's types
generate:
    python scripts/protocol.py
    python scripts/api.py
    python scripts/env_example.py
    python scripts/page_types.py
    python scripts/reference.py

# Build the documentation into build/site; fails on a broken link
docs:
    NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet

# Show the documentation at http://127.0.0.1:8000 while you write
docs-serve:
    NO_MKDOCS_2_WARNING=1 mkdocs serve

# Measure branch coverage of the pure packages; every line and branch that no test takes is listed
cover *packages:
    #!/usr/bin/env bash
    set -euo pipefail
    packages=("$@"); [ $# -gt 0 ] || packages=(turns text)
    exec python -m pytest -p no:schemathesis "${packages[@]/#/--cov=lineside.}" --cov-branch --cov-report=term-missing:skip-covered "${packages[@]/#/tests/}"

# Everything that must hold before a commit lands
all:
    ./test.sh
