"""Teeth: strips along the dental arches that wear a picture learned from people, or the photograph's own teeth."""
