"""The worker's Python environment: finding, making and starting it. Standard library only."""
