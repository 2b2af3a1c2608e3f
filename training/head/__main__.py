"""Command line: ``python -m training.head``."""

from .build import main

if __name__ == "__main__":
    main()
