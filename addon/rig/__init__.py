"""Mappings from a take's channels to the shape keys, properties and bones of ARKit, viseme, Rigify and other rigs."""
