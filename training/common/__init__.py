"""What all trainers share: the engine, checkpoints, splits, folders, results pages."""
