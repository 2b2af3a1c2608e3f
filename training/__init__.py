"""Commands that make and measure what is in ``core/weights``; not part of the add-on."""

import os

# Before numpy and scipy are imported: beside a busy process OpenBLAS' threads, which spin while they wait for one
# another, took 24 times as long for the small banded systems of a fit (84 s instead of 3.5 s for 400 frames).
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
