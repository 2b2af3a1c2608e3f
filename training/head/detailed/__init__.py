"""Builds the detailed head: ICT-FaceKit's own quads, driven by the head model's coefficients."""
