"""Training of the face render with unsupervised keypoints (SadTalker, section 3.3)."""
