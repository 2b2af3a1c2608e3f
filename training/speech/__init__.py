"""Phones, visemes, synthesised voices and what is done to sound in training."""
