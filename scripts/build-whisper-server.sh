#!/usr/bin/env bash
# Builds whisper.cpp's whisper-server for this machine: ROCm/HIP, CUDA, Vulkan, or plain CPU, whichever it finds first.
#   scripts/build-whisper-server.sh                       clones the pinned tag, builds, installs to ~/.local/bin
#   scripts/build-whisper-server.sh --dry-run             says what it found and prints the commands
#   scripts/build-whisper-server.sh --source DIR          builds a source folder that is here already
#   scripts/build-whisper-server.sh --backend vulkan      hip, cuda, vulkan or cpu, instead of looking
#   scripts/build-whisper-server.sh --targets gfx1100     for other cards than those of this machine (CUDA: 86;89)
#   scripts/build-whisper-server.sh --prefix /usr/local   installs to DIR/bin
set -euo pipefail

TAG=v1.9.5
REPOSITORY=https://github.com/ggml-org/whisper.cpp

backend='' targets='' source='' dry_run='' prefix=$HOME/.local
while [ $# -gt 0 ]; do
    case $1 in
    --dry-run) dry_run=yes ;;
    --help | -h) sed -n '2,9s/^# \{0,1\}//p' "$0" && exit ;;
    --backend | --targets | --source | --prefix)
        [ -n "${2:-}" ] || { echo "$1 needs a value; see $0 --help" >&2 && exit 2; }
        printf -v "${1#--}" %s "$2"
        shift
        ;;
    *) echo "unknown argument $1; see $0 --help" >&2 && exit 2 ;;
    esac
    shift
done

PATH=$PATH:${ROCM_PATH:-/opt/rocm}/bin:${CUDA_PATH:-/usr/local/cuda}/bin

has() { command -v "$1" >/dev/null 2>&1; }

run() {
    printf '+'
    printf ' %q' "$@"
    echo
    [ -n "$dry_run" ] || "$@"
}

has_vulkan() { has glslc && [ -e "${VULKAN_SDK:-/usr}/include/vulkan/vulkan.h" ]; }

# The cards that ROCm sees, as cmake wants them: "gfx1100;gfx90a". The processor's own entry and generic ones are none.
rocm_cards() {
    { rocminfo 2>/dev/null || true; } | sed -nE '/gfx000/d; s/^ *Name: *(gfx[0-9a-f]{3,}) *$/\1/p' | sort -u | paste -sd ';' -
}

find_backend() {
    if has hipcc; then
        echo "Found ROCm: $(command -v hipcc)"
        backend=hip
    elif has nvcc; then
        echo "Found CUDA: $(command -v nvcc)"
        backend=cuda
    elif has_vulkan; then
        echo "Found Vulkan: $(command -v glslc), headers in ${VULKAN_SDK:-/usr}/include"
        backend=vulkan
    else
        echo "Found no ROCm (hipcc), no CUDA (nvcc), no Vulkan (glslc and headers): building for the processor alone."
        backend=cpu
    fi
}

[ -n "$backend" ] || find_backend
flags=(-DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF -DWHISPER_BUILD_TESTS=OFF -DWHISPER_SDL2=OFF)
case $backend in
hip)
    [ -n "$targets" ] || targets=$(rocm_cards)
    if [ -z "$targets" ]; then
        echo "rocminfo names no card of this machine. Say for which to build: --targets gfx1100, or --backend cpu" >&2
        exit 1
    fi
    echo "For the cards: $targets"
    # ggml hands AMDGPU_TARGETS on to CMAKE_HIP_ARCHITECTURES; newer ones ask for the latter.
    flags+=(-DGGML_HIP=ON "-DAMDGPU_TARGETS=$targets" "-DCMAKE_HIP_ARCHITECTURES=$targets")
    if has hipconfig; then
        HIPCXX=$(hipconfig -l)/clang
        HIP_PATH=$(hipconfig -R)
        export HIPCXX HIP_PATH
    fi
    ;;
cuda) flags+=(-DGGML_CUDA=ON ${targets:+"-DCMAKE_CUDA_ARCHITECTURES=$targets"}) ;;
vulkan) flags+=(-DGGML_VULKAN=ON) ;;
cpu) ;;
*) echo "--backend $backend is none of hip, cuda, vulkan, cpu" >&2 && exit 2 ;;
esac

missing=''
for tool in cmake c++ git; do
    has "$tool" || { [ $tool = git ] && [ -n "$source" ]; } || missing="$missing $tool"
done
if [ -n "$missing" ]; then
    echo "Not installed:$missing. On Debian and Ubuntu: sudo apt-get install cmake g++ git" >&2
    exit 1
fi

if [ -z "$source" ]; then
    source=${XDG_CACHE_HOME:-$HOME/.cache}/lineside-build/whisper.cpp-$TAG
    [ -e "$source/CMakeLists.txt" ] || run git clone --depth 1 --branch "$TAG" "$REPOSITORY" "$source"
elif [ ! -e "$source/CMakeLists.txt" ]; then
    echo "$source holds no CMakeLists.txt: it is not the source of whisper.cpp" >&2
    exit 1
fi
build=$source/build-$backend
run cmake -S "$source" -B "$build" "${flags[@]}"
run cmake --build "$build" --config Release --target whisper-server --parallel "$(nproc 2>/dev/null || echo 2)"
run install -D -m 755 "$build/bin/whisper-server" "$prefix/bin/whisper-server"
[ -n "$dry_run" ] || echo "Built $prefix/bin/whisper-server ($backend). Next: scripts/download-models.sh ggml-base.en && lineside host"
