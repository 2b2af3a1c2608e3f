"""The detailed head for Blender: ICT-FaceKit's own quads, a texture without smears, brows, lashes and hair."""
