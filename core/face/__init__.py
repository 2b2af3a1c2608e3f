"""Faces in pictures: landmarks, face view, fit of the head model, reconstruction network."""
