"""Takes, characters, portraits and heads in a Blender scene."""
