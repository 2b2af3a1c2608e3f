"""Training of SadTalker's networks (arXiv 2211.12194) on this project's data and head model."""
