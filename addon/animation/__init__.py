"""Motion as keys: actions, NLA tracks, bakes, styles, and reading curves back."""
