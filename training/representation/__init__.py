"""Training and measurement of the representation of motion (paper §3.1)."""
