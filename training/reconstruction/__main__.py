"""Command line: ``python -m training.reconstruction``."""

from .train import main

if __name__ == "__main__":
    main()
