"""What the networks learn from: real clips, synthetic talkers, pairs for the generator."""
