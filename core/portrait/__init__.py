"""A portrait: reading the picture, fitting the head to it, its texture, and its head for Blender."""
