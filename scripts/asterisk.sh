#!/usr/bin/env bash
# Runs a real Asterisk (Debian unstable) and calls lineside through it, with baresip as the caller and as the colleague.
# Needs root, mmdebstrap, baresip-core, espeak-ng and the default models. Everything stays on 127.0.0.1.
#   scripts/asterisk.sh [FOLDER OF THE CHROOT, default build/asterisk]
set -euo pipefail
cd "$(dirname "$0")/.."
root=${1:-build/asterisk}
for program in mmdebstrap baresip espeak-ng; do
  command -v "$program" >/dev/null || { echo "$program is missing: apt-get install mmdebstrap baresip-core espeak-ng"; exit 1; }
done
if [ ! -x "$root/usr/sbin/asterisk" ]; then
  mkdir -p "$(dirname "$root")"
  mmdebstrap --quiet --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' --include=asterisk,ca-certificates sid "$root"
fi
exec .venv/bin/python scripts/asterisk_calls.py "$root"
