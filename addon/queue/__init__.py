"""Many jobs: the panel's queue and batch lists."""
