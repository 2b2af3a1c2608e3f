"""Reading motion back from frames."""
