"""Operators: what buttons and menu entries do."""
