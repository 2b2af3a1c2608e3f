"""How torch computes: devices, threads, and files of weights."""
