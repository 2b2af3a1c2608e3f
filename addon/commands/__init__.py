"""The command line, ``blender -b --command soliloquy``."""
