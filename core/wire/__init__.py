"""What Blender and the worker say to each other. Standard library only."""
