"""lineside answers phone calls: it hears, thinks, speaks and gives way."""

import os

# Every matrix product here is small: shared out over threads it costs more, and takes cores from calls. Read by
# numpy's OpenBLAS when it is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
