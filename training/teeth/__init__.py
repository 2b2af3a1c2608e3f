"""Learns what teeth look like, from portraits that smile with teeth."""
