"""Commands that make and measure the weights in ``core/weights``. They are not part of the add-on."""

import os

# This must run before numpy and scipy are imported. OpenBLAS' threads spin while they wait for each other. Next to
# another busy process they took 24 times as long for the small banded systems of a fit (84 s instead of 3.5 s for 400
# frames).
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
