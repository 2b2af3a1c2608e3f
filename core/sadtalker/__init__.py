"""SadTalker's motion networks (arXiv 2211.12194): expression and head pose of a take from speech, without diffusion."""
