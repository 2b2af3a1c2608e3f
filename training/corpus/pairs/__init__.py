"""Pairs of pictures of one person for the renderer: the same person in two poses."""
