"""Panels, menus, presets and the status bar: what is drawn."""
