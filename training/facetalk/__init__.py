"""Training of FaceTalk's diffusion decoder."""
