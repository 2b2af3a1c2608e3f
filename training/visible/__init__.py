"""Learns whether the eyes and the mouth of a found face are seen: covers for photographs, training, measurement."""
