"""Phones, visemes, synthesised voices, prosody, and the augmentation of sound."""
