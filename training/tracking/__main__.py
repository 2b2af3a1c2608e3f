"""Command line: ``python -m training.tracking``."""

from .tracks import main

if __name__ == "__main__":
    main()
