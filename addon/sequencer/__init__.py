"""Sound strips, picture strips, ranges and timing in the sequencer."""
