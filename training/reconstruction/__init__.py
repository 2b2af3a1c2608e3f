"""Trains and measures the reconstruction network R."""
