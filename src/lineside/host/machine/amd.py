"""AMD graphics cards, read from the kernel's own files: no library and no root needed.

Sources: docs.kernel.org, gpu/amdgpu/driver-misc ("GPU Memory Usage Information": mem_info_vram_*; product_name) and
gpu/amdgpu/thermal (gpu_busy_percent); gpu/drm-usage-stats (the keys of fdinfo); for the memory of compute processes
amdkfd's `vram_<gpu id>` below /sys/class/kfd/kfd/proc, whose gpu ids stand in the nodes of its topology. A file that is
missing, forbidden or nonsense costs that figure, never the reading.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from msgspec import Struct

from lineside.host.machine.programs import model_of, name_of
from lineside.host.machine.values import Gpu, GpuProcess

AMD = "0x1002"
CARD = re.compile(r"card\d+")  # not its connectors, card0-DP-1
UNITS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
OWN_MEMORY = 4 << 30  # bytes; a card with no more and a larger share of main memory is a processor's own graphics
MEMORY = ("drm-memory-vram", "drm-resident-vram", "drm-total-vram")  # the first that is there; older kernels have one


class _Card(Struct, frozen=True):
    index: int
    folder: Path
    pci: str  # its address, as fdinfo names it; empty where unknown
    gpu_id: str  # as amdkfd names it; empty where it has none


def read_amd(root: Path = Path("/")) -> tuple[list[Gpu], list[str]]:
    """The cards in the order of their numbers, and what is odd about some. Reads files only: some milliseconds."""
    cards, odd = [], []
    for card in _cards(root):
        total, used = _number(card.folder / "mem_info_vram_total"), _number(card.folder / "mem_info_vram_used")
        if not total or used is None:
            odd.append(f"card{card.index} is AMD's, but the driver does not say how much memory it has")
            continue
        cards.append((card, _memory(card.folder, total, used)))
    held = _held([card for card, _ in cards], root) if cards else {}
    return [_gpu(card, memory, held.get(card.index, {}), root) for card, memory in cards], odd


class _Memory(Struct, frozen=True):
    total: int
    used: int
    shared: int = 0  # of the total


def _memory(folder: Path, total: int, used: int) -> _Memory:
    """Of a processor's own graphics, main memory too: its own is a few hundred megabytes, and always full."""
    shared = _number(folder / "mem_info_gtt_total") or 0
    if total > OWN_MEMORY or shared <= total:
        return _Memory(total, min(used, total))
    shared_used = min(_number(folder / "mem_info_gtt_used") or 0, shared)
    return _Memory(total + shared, min(used, total) + shared_used, shared)


def _gpu(card: _Card, memory: _Memory, held: dict[int, int], root: Path) -> Gpu:
    busy = _number(card.folder / "gpu_busy_percent")
    return Gpu(
        index=card.index,
        vendor="amd",
        name=_name(card.folder, root),
        total_bytes=memory.total,
        used_bytes=memory.used,
        shared_bytes=memory.shared,
        percent=None if busy is None else float(min(busy, 100)),
        processes=tuple(
            GpuProcess(pid, name_of(pid, root), model_of(pid, root), size)
            for pid, size in sorted(held.items(), key=lambda one: -one[1])
        ),
    )


def _cards(root: Path) -> Iterator[_Card]:
    gpu_ids = dict(_gpu_ids(root))
    folders = [one for one in _entries(root / "sys/class/drm") if CARD.fullmatch(one.name)]
    for index, folder in sorted((int(one.name[4:]), one / "device") for one in folders):
        if _text(folder / "vendor") != AMD:
            continue
        pci = dict(line.partition("=")[::2] for line in _text(folder / "uevent").splitlines()).get("PCI_SLOT_NAME", "")
        nodes = [one.name.removeprefix("renderD") for one in _entries(folder / "drm")]  # besides "card0", which is none
        yield _Card(index, folder, pci, next((gpu_ids[minor] for minor in nodes if minor in gpu_ids), ""))


def _gpu_ids(root: Path) -> Iterator[tuple[str, str]]:
    """Of every card that amdkfd knows: the minor number of its render device, and amdkfd's id."""
    for node in _entries(root / "sys/class/kfd/kfd/topology/nodes"):
        fields = dict(line.partition(" ")[::2] for line in _text(node / "properties").splitlines())
        gpu_id = _text(node / "gpu_id")
        if gpu_id not in ("", "0"):  # 0 is a processor
            yield fields.get("drm_render_minor", ""), gpu_id


def _held(cards: list[_Card], root: Path) -> dict[int, dict[int, int]]:
    """Card → process → bytes. A compute process may stand in both sources, with the same memory: the larger counts."""
    held: dict[int, dict[int, int]] = {card.index: {} for card in cards}
    for folder in _entries(root / "sys/class/kfd/kfd/proc"):
        for card in cards:
            size = _number(folder / f"vram_{card.gpu_id}") if card.gpu_id and folder.name.isdigit() else None
            if size:
                held[card.index][int(folder.name)] = size
    by_pci = {card.pci: card.index for card in cards if card.pci}
    for folder in _entries(root / "proc"):
        if folder.name.isdigit():
            for pci, size in _drawn(folder).items():
                if pci in by_pci and size:
                    there = held[by_pci[pci]]
                    there[int(folder.name)] = max(size, there.get(int(folder.name), 0))
    return held


def _drawn(process: Path) -> dict[str, int]:
    """PCI address → bytes, by fdinfo: for programs that use the card through Vulkan, which amdkfd does not see.

    One open card may stand behind several descriptors; its client id tells.
    """
    clients: dict[tuple[str, str], int] = {}
    for descriptor in _entries(process / "fd"):
        try:
            if not str(descriptor.readlink()).startswith("/dev/dri/"):
                continue
        except OSError:
            continue
        lines = _text(process / "fdinfo" / descriptor.name).splitlines()
        fields = {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}
        sizes = [_size(fields[key]) for key in MEMORY if key in fields]
        if fields.get("drm-driver") == "amdgpu" and sizes:
            clients[fields.get("drm-pdev", ""), fields.get("drm-client-id", descriptor.name)] = sizes[0]
    totals: dict[str, int] = {}
    for (pci, _), size in clients.items():
        totals[pci] = totals.get(pci, 0) + size
    return totals


def _name(folder: Path, root: Path) -> str:
    """As the card itself says, else as Mesa's list names its device and revision, else by its number."""
    if product := _text(folder / "product_name"):
        return product
    device, revision = (_text(folder / name).removeprefix("0x").upper() for name in ("device", "revision"))
    return (_listed(device, revision, root) or f"AMD {device}") if device else "AMD"


@lru_cache(maxsize=64)
def _listed(device: str, revision: str, root: Path) -> str:
    for line in _text(root / "usr/share/libdrm/amdgpu.ids").splitlines():
        known = [part.strip() for part in line.split(",", 2)]
        if [part.upper() for part in known[:2]] == [device, revision]:
            return known[-1]
    return ""


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []  # not there, not ours to see, or a process that has just ended


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.isascii() and text.isdigit() else None


def _size(text: str) -> int:
    number, _, unit = text.partition(" ")
    return int(number) * UNITS.get(unit.strip(), 0) if number.isascii() and number.isdigit() else 0
