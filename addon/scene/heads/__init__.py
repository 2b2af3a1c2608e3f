"""The files of a 3D head as Blender's meshes, pictures and materials."""
