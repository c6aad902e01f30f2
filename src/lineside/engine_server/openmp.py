"""OpenMP: how its threads wait, and its library where the system has none.

llama.cpp's wheel wants the system's libgomp.so.1, which slim container images lack. CTranslate2's wheel brings one
under another name; under the right name, in a folder that the loader looks into, it does for both.
"""

import ctypes
import importlib.util
import os
import sys
from pathlib import Path

from lineside.errors import ConfigError

WANTED = "libgomp.so.1"
# OpenMP's threads wait for each other some hundred times a token, by default in a busy loop. As soon as anything else
# wants a core, all stand still for whole time slices: measured beside one busy process, 40 tokens took 35 s; with a
# short loop, 3.4 s. BLAS is asked for one small matrix a time, for which threads do not pay. All are read when the
# libraries are loaded, so they are set before anything that loads them is imported.
GENTLE_THREADS = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "1000", "OPENBLAS_NUM_THREADS": "1"}


def borrow(folder: Path) -> None:
    """Start this program again with a borrowed library, if the system has none. `folder` is where a link to it may lie.

    The loader reads its path only when a program starts, hence again. Raises `ConfigError` if nothing can be borrowed.
    """
    if sys.platform != "linux" or present():
        return
    path = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    spec = importlib.util.find_spec("ctranslate2")
    lent = sorted(Path(spec.origin).parent.parent.glob("ctranslate2.libs/libgomp*")) if spec and spec.origin else []
    try:
        if str(folder) in path or not lent:
            raise FileNotFoundError
        folder.mkdir(parents=True, exist_ok=True)
        link = folder / WANTED
        link.unlink(missing_ok=True)
        link.symlink_to(lent[0])
    except OSError:
        raise ConfigError(f"{WANTED} is missing; install it (Debian, Ubuntu: apt-get install libgomp1)") from None
    os.environ["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, [str(folder), *path]))
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - ourselves


def present() -> bool:
    """Whether the loader finds it."""
    try:
        ctypes.CDLL(WANTED)
    except OSError:
        return False
    return True
