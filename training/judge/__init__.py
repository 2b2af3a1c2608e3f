"""The judge of lip sync, and measurements of lip sync."""
