#!/usr/bin/env bash
# Builds lineside's image with buildah, and where no registry is reached also the Python image that it is built on.
#   scripts/build-image.sh                     lineside:latest, from the image that containers/lineside/Dockerfile names
#   scripts/build-image.sh --local-base        makes that base first, of Debian's packages (mmdebstrap, as root)
#   scripts/build-image.sh --tag lineside:dev  under another name
#   scripts/build-image.sh --pip-conf FILE     pip is told of another index than the public one, or of a proxy
#   scripts/build-image.sh --certificates FILE whom to believe while it is built, where a proxy signs for the index
# Needs buildah and runc: apt-get install buildah runc; for --local-base mmdebstrap too.
set -euo pipefail
cd "$(dirname "$0")/.."

tag=lineside:latest local_base='' pip_conf='' certificates=''
while [ $# -gt 0 ]; do
    case $1 in
    --local-base) local_base=yes ;;
    --tag | --pip-conf | --certificates)
        [ -n "${2:-}" ] || { echo "$1 needs a value; see $0 --help" >&2 && exit 2; }
        name=${1#--}
        printf -v "${name//-/_}" %s "$2"
        shift
        ;;
    --help | -h) sed -n '2,8s/^# \{0,1\}//p' "$0" && exit ;;
    *) echo "unknown argument $1; see $0 --help" >&2 && exit 2 ;;
    esac
    shift
done

for tool in buildah ${local_base:+mmdebstrap}; do
    command -v "$tool" >/dev/null 2>&1 || { echo "Not installed: $tool. Debian, Ubuntu: sudo apt-get install $tool" >&2 && exit 1; }
done

# Debian's own Python 3.11 in place of the one that python:3.11-slim compiles; the rest of that image is Debian too.
make_base() {
    local folder container
    folder=$(mktemp -d)
    # shellcheck disable=SC2064 # the folder of now
    trap "rm -rf '$folder'" EXIT
    mmdebstrap --quiet --variant=minbase --include=ca-certificates,python3,python3-venv bookworm "$folder/root.tar"
    mkdir "$folder/root"
    tar -xf "$folder/root.tar" -C "$folder/root" --exclude './dev/*'
    container=$(buildah from scratch)
    buildah copy --quiet "$container" "$folder/root" /
    buildah config --cmd python3 --env PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
    buildah commit --quiet --rm "$container" "$1"
}

options=()
if [ -n "$local_base" ]; then
    make_base localhost/python:3.11-debian
    options=(--build-arg PYTHON=localhost/python:3.11-debian)
fi
if [ -n "$pip_conf" ]; then options+=(--secret "id=pip.conf,src=$pip_conf"); fi
if [ -n "$certificates" ]; then options+=(--volume "$certificates:/etc/ssl/certs/ca-certificates.crt:ro"); fi
# host: the package index is reached as from here.
buildah build --network host --layers --file containers/lineside/Dockerfile --tag "$tag" "${options[@]}" .
buildah images "$tag"
