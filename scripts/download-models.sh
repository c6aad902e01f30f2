#!/usr/bin/env bash
# Fetches models and checks them by SHA-256; what is here and right is left alone. A thin wrapper of `lineside models pull`.
#   scripts/download-models.sh                     the models that a call needs
#   scripts/download-models.sh ggml-base.en        by name; all names: .venv/bin/lineside models list
#   scripts/download-models.sh tts turn            every model of these roles: stt, llm, tts, turn, vad
#   LINESIDE_MODELS=/srv/models scripts/download-models.sh     into another folder than ~/.cache/lineside
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then sed -n '2,6s/^# \{0,1\}//p' "$0" && exit; fi
# shellcheck source=/dev/null  # scripts/environment.sh, which is for sourcing alone
. scripts/environment.sh
prepare requirements.lock

names=()
for wanted in "$@"; do
    case $wanted in
    stt | llm | tts | turn | vad)
        while read -r name; do names+=("$name"); done < <(
            .venv/bin/python -c 'import sys; from lineside.models.catalogue import CATALOGUE
print(*(model.name for model in CATALOGUE if model.role == sys.argv[1]), sep="\n")' "$wanted"
        )
        ;;
    *) names+=("$wanted") ;;
    esac
done
[ ${#names[@]} = 0 ] || echo "Fetching: ${names[*]}"
exec .venv/bin/lineside models pull ${names[@]+"${names[@]}"}
