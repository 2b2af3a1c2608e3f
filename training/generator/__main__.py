"""Command line: ``python -m training.generator``."""

from .train import main

if __name__ == "__main__":
    main()
