"""Trains and measures the lip model."""
