"""Messages between Blender and the worker, and the files that both read. Standard library only."""
