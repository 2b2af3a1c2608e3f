"""A neural parametric head: distance fields of skin and hair, their meshes, and the hair of a portrait."""
