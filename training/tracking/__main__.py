"""3DMM tracks of video corpora: ``python -m training.tracking grid|talkers|addresses|obama --data ../shared/data``.

``.cache/tracks/<corpus>/<name>.npz`` holds for each clip: expression (T, 53), rotation (T, 3) rad and translation (T,
3) cm relative to the clip's median pose, opening and width (T,) of the mouth divided by the outer-eye distance,
measured on the landmarks, fitted_opening (T,) of the fitted model, residual (T,), observed (53,) bool: channels that
the landmarks show, and clip. The sound is next to it as 16 kHz WAV; ``obama`` has none. Finished clips are skipped.
``skipped.json`` lists the clips that were left out, with the reasons.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from ..common.folders import TRACKS, data_folder
from .obama import obama
from .tracks import CORPORA, filmed


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="training.tracking", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", choices=(*CORPORA, "obama"))
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument(
        "--again", action="store_true", help="fit clips again that have a track (their landmarks are kept)"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.corpus in CORPORA:
        filmed(options.data, options.corpus, options.again)
    else:
        obama(options.data / "obama_landmarks68.npz", TRACKS / "obama", options.again)


if __name__ == "__main__":
    main()
