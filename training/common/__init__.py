"""Shared by all trainers: the engine, checkpoints, splits, folders, files of arrays, results pages."""
