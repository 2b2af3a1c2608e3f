"""Job lists: many takes made by several workers, with a summary of how each job ended. Standard library only."""
