"""The scripts that build whisper-server and fetch models, run with tools that only pretend."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
BUILD, FETCH = SCRIPTS / "build-whisper-server.sh", SCRIPTS / "download-models.sh"
PLAIN = ["bash", "sh", "sed", "sort", "paste", "dirname", "nproc", "cat"]  # what the scripts take for granted
ROCMINFO = r"""printf '  Name:                    %s\n' 'AMD Ryzen 9 7950X' gfx1100 amdgcn-amd-amdhsa--gfx1100 \
    gfx1036 gfx1100 gfx000"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="shell scripts")


def pretend(folder: Path, name: str, does: str = "exit 9") -> None:
    tool = folder / name
    tool.parent.mkdir(parents=True, exist_ok=True)
    tool.write_text(f"#!/bin/sh\n{does}\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)


def dry_run(
    tmp_path: Path, tools: dict[str, str], *arguments: str, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """The build script, with these tools beside the plain ones and no others on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    for name in PLAIN:
        (folder / name).symlink_to(shutil.which(name) or name)
    for name, does in tools.items():
        pretend(folder, name, does)
    known = {
        "PATH": str(folder),
        "HOME": str(tmp_path),
        "ROCM_PATH": str(tmp_path / "rocm"),
        "CUDA_PATH": str(tmp_path / "cuda"),
        "VULKAN_SDK": str(tmp_path / "sdk"),
    }
    return subprocess.run(
        [folder / "bash", BUILD, "--dry-run", *arguments],
        env=known | environment,
        capture_output=True,
        text=True,
        check=False,
    )


BUILDERS = {"cmake": "exit 9", "c++": "exit 9", "git": "exit 9"}


def test_with_rocm_it_builds_for_the_cards_there_are(tmp_path: Path) -> None:
    """Each card once, the processor's entry left out; hipcc is found in ROCm's own folder too."""
    pretend(tmp_path / "rocm/bin", "hipcc")
    done = dry_run(tmp_path, BUILDERS | {"rocminfo": ROCMINFO, "nvcc": "", "glslc": ""})
    assert done.returncode == 0, done.stderr
    assert "Found ROCm" in done.stdout
    assert "For the cards: gfx1036;gfx1100" in done.stdout
    assert r"-DGGML_HIP=ON -DAMDGPU_TARGETS=gfx1036\;gfx1100 -DCMAKE_HIP_ARCHITECTURES=gfx1036\;gfx1100" in done.stdout


def test_with_rocm_but_no_card_it_asks_for_which(tmp_path: Path) -> None:
    """Rather than building for nothing; with the answer it goes on."""
    tools = BUILDERS | {"hipcc": "", "rocminfo": "exit 1"}
    done = dry_run(tmp_path, tools)
    assert done.returncode == 1
    assert "--targets gfx1100, or --backend cpu" in done.stderr
    shutil.rmtree(tmp_path / "bin")
    assert "-DAMDGPU_TARGETS=gfx90a " in dry_run(tmp_path, tools, "--targets", "gfx90a").stdout


@pytest.mark.parametrize(
    ("tools", "says", "flag"),
    [
        ({"nvcc": "", "glslc": ""}, "Found CUDA", "-DGGML_CUDA=ON"),
        ({"glslc": ""}, "Found Vulkan", "-DGGML_VULKAN=ON"),
        ({}, "Found no ROCm (hipcc), no CUDA (nvcc), no Vulkan (glslc and headers)", ""),
    ],
)
def test_what_is_found_decides(tmp_path: Path, tools: dict[str, str], says: str, flag: str) -> None:
    """CUDA before Vulkan before the processor; the commands clone the pinned tag, build and install."""
    header = tmp_path / "sdk/include/vulkan/vulkan.h"
    header.parent.mkdir(parents=True)
    header.touch()
    done = dry_run(tmp_path, BUILDERS | tools, "--prefix", "/opt/ears")
    assert done.returncode == 0, done.stderr
    assert says in done.stdout
    assert [part for part in done.stdout.split() if part.startswith("-DGGML_")] == ([flag] if flag else [])
    clone, configure, build, install = [line for line in done.stdout.splitlines() if line.startswith("+ ")]
    assert "git clone --depth 1 --branch v" in clone
    assert "-DCMAKE_BUILD_TYPE=Release" in configure
    assert "--target whisper-server" in build
    assert install.endswith("/bin/whisper-server /opt/ears/bin/whisper-server")
    assert not (tmp_path / ".cache").exists()


def test_vulkan_without_its_headers_is_no_vulkan(tmp_path: Path) -> None:
    """The compiler of shaders alone does not do."""
    assert "building for the processor alone" in dry_run(tmp_path, BUILDERS | {"glslc": ""}).stdout


def test_a_source_folder_is_built_as_it_is(tmp_path: Path) -> None:
    """Nothing is cloned, so git need not be there; a folder that is no source is refused."""
    tools = {"cmake": "", "c++": ""}
    (tmp_path / "my source").mkdir()
    done = dry_run(tmp_path, tools, "--source", str(tmp_path / "my source"))
    assert done.returncode == 1
    assert "holds no CMakeLists.txt" in done.stderr
    (tmp_path / "my source/CMakeLists.txt").touch()
    shutil.rmtree(tmp_path / "bin")
    done = dry_run(tmp_path, tools, "--source", str(tmp_path / "my source"), "--backend", "cpu")
    assert done.returncode == 0, done.stderr
    assert "git" not in done.stdout
    assert r"my\ source/build-cpu" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--backend", "abacus"], 2, "--backend abacus is none of hip, cuda, vulkan, cpu"),
        (["--backend"], 2, "--backend needs a value"),
        (["--fast"], 2, "unknown argument --fast"),
        ([], 1, "Not installed: cmake c++ git. On Debian and Ubuntu: sudo apt-get install cmake g++ git"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, arguments: list[str], code: int, says: str) -> None:
    """An argument that is none, and tools that are missing with the command that installs them."""
    done = dry_run(tmp_path, {}, *arguments)
    assert done.returncode == code
    assert says in done.stderr


def test_models_are_fetched_by_name_and_by_role(tmp_path: Path) -> None:
    """A role stands for all its models; without arguments it is what `lineside models pull` means by that."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(FETCH, tmp_path / "scripts")
    (tmp_path / "scripts/environment.sh").write_text('prepare() { echo "prepared $1"; }\n')
    pretend(tmp_path / ".venv/bin", "python", f'exec "{sys.executable}" "$@"')
    pretend(tmp_path / ".venv/bin", "lineside", 'echo "lineside $*, into $LINESIDE_MODELS"')

    def fetched(*wanted: str) -> str:
        script = tmp_path / "scripts" / FETCH.name
        environment = {**os.environ, "LINESIDE_MODELS": "/srv/models"}
        return subprocess.run(
            ["bash", script, *wanted], env=environment, capture_output=True, text=True, check=True
        ).stdout.splitlines()[-1]

    assert fetched() == "lineside models pull, into /srv/models"
    assert fetched("ggml-base.en") == "lineside models pull ggml-base.en, into /srv/models"
    assert fetched("vad", "ggml-base.en", "turn") == (
        "lineside models pull silero-vad ggml-base.en smart-turn-v3.2, into /srv/models"
    )


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_the_scripts_are_clean() -> None:
    """By shellcheck, where it is installed."""
    done = subprocess.run(["shellcheck", BUILD, FETCH], capture_output=True, text=True, check=False)
    assert done.stdout == ""
