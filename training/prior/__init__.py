"""Trains and measures the motion prior P_a2nl (paper §3.2)."""
