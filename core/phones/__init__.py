"""Phones: their names, when they are spoken, and the words that they come from."""
