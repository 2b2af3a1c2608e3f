"""Head-model tracks of filmed talkers."""
