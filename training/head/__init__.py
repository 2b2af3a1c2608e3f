"""Builds the head model from ICT-FaceKit."""
