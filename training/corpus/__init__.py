"""Training data: real clips, synthetic talkers, pairs for the generator."""
