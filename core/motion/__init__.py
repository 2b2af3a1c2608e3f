"""Motion over time: its 59 channels, the ``Motion`` type, Live Link Face files. Needs numpy only."""
