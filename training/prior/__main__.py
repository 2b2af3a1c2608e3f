"""Command line: ``python -m training.prior``."""

from .train import main

if __name__ == "__main__":
    main()
