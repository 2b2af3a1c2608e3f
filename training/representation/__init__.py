"""Trains and measures the representation of motion (paper §3.1)."""
