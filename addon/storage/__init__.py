"""Folders of takes on disk: paths, copies that are whole or not there, and which take a folder holds."""
