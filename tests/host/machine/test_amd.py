"""AMD cards, read from trees that were made after the kernel's documentation (sysfs/README.md)."""

import shutil
from pathlib import Path

import pytest

from lineside.host.machine.amd import read_amd
from lineside.host.machine.programs import model_in
from lineside.host.machine.values import Gpu, GpuProcess

TREES = Path(__file__).with_name("sysfs")
GIB = 1 << 30


def by_index(root: Path) -> dict[int, Gpu]:
    return {gpu.index: gpu for gpu in read_amd(root)[0]}


def test_each_card_tells_its_memory_and_who_holds_it() -> None:
    """Name by Mesa's list or by the card itself; processes by ROCm's kernel driver, and Vulkan's by fdinfo."""
    gpus, odd = read_amd(TREES / "workstation")
    assert odd == []
    assert gpus == [
        Gpu(
            index=1,
            vendor="amd",
            name="AMD Radeon RX 7900 XTX",
            total_bytes=25753026560,
            used_bytes=9126805504,
            percent=37.0,
            processes=(
                GpuProcess(5151, "llama-server", "qwen3-8b-q4_k_m", 5 * GIB + (1 << 20)),
                GpuProcess(4242, "whisper-server", "ggml-large-v3-turbo", 3 * GIB // 2),
            ),
        ),
        Gpu(
            index=2,
            vendor="amd",
            name="AMD Instinct MI210",
            total_bytes=68702699520,
            used_bytes=5 * GIB,
            percent=0.0,
            processes=(GpuProcess(4300, "ollama", "sha256-dde5aa3fc5ff", 5100273664),),
        ),
    ]


def test_odd_files_cost_their_figure_and_never_the_reading() -> None:
    """A card without its memory is left out and named; a wrong load is unknown; more used than there is, is all."""
    gpus, odd = read_amd(TREES / "odd")
    assert [gpu.index for gpu in gpus] == [4, 5]
    assert odd == [f"card{card} is AMD's, but the driver does not say how much memory it has" for card in range(4)]
    assert (gpus[0].used_bytes, gpus[0].percent, gpus[0].name) == (gpus[0].total_bytes, None, "AMD")
    assert (gpus[1].used_bytes, gpus[1].percent, gpus[1].name) == (0, 100.0, "AMD 73BF")
    assert all(gpu.processes == () for gpu in gpus)


def test_a_machine_without_any_of_it_has_no_cards(tmp_path: Path) -> None:
    """No folder at all is a normal answer."""
    assert read_amd(tmp_path) == ([], [])


@pytest.mark.parametrize(
    ("taken", "left"),
    [
        ("sys/class/kfd", {5151: 5 * GIB + (1 << 20), 4242: GIB}),  # without ROCm, what fdinfo says is used
        ("proc/4242/fdinfo", {5151: 5 * GIB + (1 << 20), 4242: 3 * GIB // 2}),
        ("proc/5151/fd", {4242: 3 * GIB // 2}),
        ("proc", {4242: 3 * GIB // 2}),
        ("sys/class/drm/card1/device/uevent", {4242: 3 * GIB // 2}),
    ],
)
def test_what_is_missing_is_made_up_for_where_it_can(tmp_path: Path, taken: str, left: dict[int, int]) -> None:
    """Each source alone still tells what it knows."""
    root = tmp_path / "workstation"
    shutil.copytree(TREES / "workstation", root, symlinks=True)
    gone = root / taken
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    assert {one.pid: one.bytes for one in by_index(root)[1].processes} == left


def test_what_is_forbidden_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files and folders of others, and a load that the driver refuses to tell: the rest is read."""
    read, walk = Path.read_text, Path.iterdir

    def guarded(path: Path, *how: str) -> str:
        if path.name in ("gpu_busy_percent", "vram_45126", "comm"):
            raise PermissionError(13, "Permission denied")
        return read(path, *how)

    def closed(path: Path) -> object:
        if path.name == "fd":
            raise PermissionError(13, "Permission denied")
        return walk(path)

    monkeypatch.setattr(Path, "read_text", guarded)
    monkeypatch.setattr(Path, "iterdir", closed)
    gpus = by_index(TREES / "workstation")
    assert (gpus[1].used_bytes, gpus[1].percent, gpus[1].processes) == (9126805504, None, ())
    assert gpus[2].processes == (GpuProcess(4300, "", "sha256-dde5aa3fc5ff", 5100273664),)


@pytest.mark.parametrize(
    ("argv", "model"),
    [
        (["whisper-server", "-m", "models/ggml-base.en.bin"], "ggml-base.en"),
        (["llama-server", "--model=/m/qwen3.gguf", "-c", "4096"], "qwen3"),
        (["vllm", "serve", "--model", "Qwen/Qwen3-8B"], "Qwen3-8B"),
        (
            [
                "python",
                "-m",
                "lineside.engine_server",
                "--stt",
                "faster-whisper-base",
                "--llm",
                "qwen",
                "--tts",
                "joe",
            ],
            "faster-whisper-base, qwen, joe",
        ),
        (["python", "-m", "http.server"], ""),
        (["x", "--model"], ""),
        (["x", "--model", ""], ""),
        ([], ""),
    ],
)
def test_the_model_is_read_from_the_command_line(argv: list[str], model: str) -> None:
    """A file's name without its ending; Python's -m is a module, not a model."""
    assert model_in(argv) == model


@pytest.mark.parametrize(
    ("vram", "gtt", "total", "used", "shared"),
    [
        (512 << 20, 96 << 30, (512 << 20) + (96 << 30), (512 << 20) + (1 << 30), 96 << 30),  # a processor's own
        (24 << 30, 32 << 30, 24 << 30, 512 << 20, 0),  # a card; it could use main memory too, and is slow then
        (512 << 20, 0, 512 << 20, 512 << 20, 0),  # an old driver that does not tell
    ],
)
def test_a_processors_own_graphics_are_not_full_while_main_memory_is_free(
    tmp_path: Path, vram: int, gtt: int, total: int, used: int, shared: int
) -> None:
    """Its own memory is always full; what counts is what it shares."""
    folder = tmp_path / "sys/class/drm/card0/device"
    folder.mkdir(parents=True)
    files = {"vendor": "0x1002", "device": "0x1586", "mem_info_vram_total": vram, "mem_info_vram_used": 512 << 20}
    if gtt:
        files |= {"mem_info_gtt_total": gtt, "mem_info_gtt_used": 1 << 30}
    for name, value in files.items():
        (folder / name).write_text(f"{value}\n")
    [card], _ = read_amd(tmp_path)
    assert (card.total_bytes, card.used_bytes, card.shared_bytes) == (total, used, shared)
