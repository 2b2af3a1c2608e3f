"""The motion of SadTalker (Zhang et al., CVPR 2023, arXiv 2211.12194) on this project's head model."""
