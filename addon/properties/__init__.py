"""Settings stored in the .blend file and in the preferences."""
