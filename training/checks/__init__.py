"""Measurements of the whole product: round trip, portraits, identity over a take."""
