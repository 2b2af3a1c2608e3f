"""Command line: ``python -m training.representation``."""

from .train import main

if __name__ == "__main__":
    main()
