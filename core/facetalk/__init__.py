"""FaceTalk's way to make motion (arXiv 2312.08459): a code of expressions, and a diffusion decoder that samples it."""
