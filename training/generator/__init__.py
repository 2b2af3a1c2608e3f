"""Trains and measures G, the network that corrects warped frames (paper §3.3)."""
