"""Training of the face render with keypoints (SadTalker, section 3.3)."""
