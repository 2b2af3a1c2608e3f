"""Motion recovered from the frames of a known portrait."""
