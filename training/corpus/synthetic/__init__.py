"""Synthetic talkers: people, light, cameras, motion and speech with exact truth."""
